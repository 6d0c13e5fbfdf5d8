import Board
import Files
import Foundation
import Serving
import TestSupport
import Testing

/// What lies outside the allowed folders is out of reach, however it is written.
@Suite struct BoardFoldersTests {
    private let folder: TemporaryFolder
    private let folders: BoardFolders

    init() throws {
        folder = try TemporaryFolder()
        for name in ["desk", "desk/data", "desk/saves", "desk/saves/a", "other", "secret"] {
            _ = try folder.makeFolder(name)
        }
        try folder.write("secret/key.txt", "x")
        let manager = FileManager.default
        try manager.createSymbolicLink(
            atPath: folder.path("desk/way"), withDestinationPath: folder.path("secret"))
        try manager.createSymbolicLink(
            atPath: folder.path("desk/saves/out"), withDestinationPath: folder.path("secret"))
        try manager.createSymbolicLink(
            atPath: folder.path("desk/new"), withDestinationPath: folder.path("secret/not-there"))
        try manager.createSymbolicLink(
            atPath: folder.path("desk/short"), withDestinationPath: "data")
        folders = BoardFolders(
            working: folder.path("desk"), runs: "saves", further: [folder.path("other")])
    }

    private func status(_ body: () throws(ServerProblem) -> String) -> Int? {
        do throws(ServerProblem) {
            _ = try body()
            return nil
        } catch {
            return error.status
        }
    }

    @Test func pathsInsideAreFound() throws {
        let real = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
        #expect(try folders.path("data") == real + "/desk/data")
        #expect(try folders.path("data/new/deep.txt") == real + "/desk/data/new/deep.txt")
        #expect(try folders.path("short/x") == real + "/desk/data/x")
        #expect(try folders.path(folder.path("other/model")) == real + "/other/model")
        #expect(try folders.run("a") == real + "/desk/saves/a")
        #expect(try folders.newRun("a/b") == real + "/desk/saves/a/b")
        #expect(try folders.shown(folders.path("data")) == "data")
    }

    @Test(arguments: [
        "/etc/passwd", "..", "../secret/key.txt", "data/../../secret", "way/key.txt", "way", "new",
        "new/x", "~/x", "data/../data", "/", "data\0/../x",
    ])
    func pathsOutsideAreRefused(_ path: String) {
        #expect(status { () throws(ServerProblem) in try folders.path(path) } == 403)
    }

    @Test func aSiblingWhoseNameBeginsAlikeIsOutside() throws {
        let sibling = folder.path("desk") + "-more"
        #expect(status { () throws(ServerProblem) in try folders.path(sibling) } == 403)
    }

    @Test(arguments: [
        "", "..", "../data", "a/../../data", "/etc", ".hidden", "a//b", "a/.git", "a/", "a\n",
        "a\0b",
        "1/2/3/4/5/6/7", "out", "out/x",
    ])
    func namesThatLeadOutOfTheFolderOfRunsAreRefused(_ name: String) {
        let found = status { () throws(ServerProblem) in try folders.newRun(name) }
        #expect(found == 400 || found == 403)
        #expect(status { () throws(ServerProblem) in try folders.run(name) } != nil)
    }

    @Test func aRunThatIsNotThereIsSaidToBeMissing() {
        #expect(status { () throws(ServerProblem) in try folders.run("b") } == 404)
    }

    @Test func everyTextOfSettingsIsTakenForThePathThatItMayBe() throws {
        try folders.check([
            ("model_name_or_path", .string("models/x")), ("stage", .string("sft")),
            ("dataset", .string("alpaca,data/own.jsonl")), ("lora_rank", .int(8)),
            ("default_system", .string("/think about ../it")),
        ])
        let wrong: [JSONValue.Member] = [
            ("model_name_or_path", .string("/etc")), ("dataset", .string("alpaca, ../secret/x")),
            ("adapter_name_or_path", .array([.string("data"), .string("way")])),
            ("lr_scheduler_kwargs", .object([("x", .string("/etc/x"))])),
            ("grpo_reward_command", .string("rm")),
            ("grpo_reward", .array([.string("command:rm")])),
            ("grpo_reward", .string("exact_match, command:rm")), ("metrics_file", .string("new")),
        ]
        for member in wrong {
            do throws(ServerProblem) {
                try folders.check([member])
                Issue.record("\(member.key) is taken")
            } catch {
                #expect(error.status == 403 && error.param == member.key)
                #expect(error.message.hasPrefix(member.key + ": "))
            }
        }
    }
}
