import Files
import Foundation
import TestSupport
import Testing

@Suite struct PendingFolderTests {
    private func isPart(_ name: String) -> Bool { name.hasPrefix("part-") }

    @Test func filesTakeTheirPlacesTogetherAndOldPartsGo() throws {
        let folder = try TemporaryFolder()
        for name in ["out/part-1-of-3", "out/part-3-of-3", "out/notes", "out/last"] {
            try folder.write(name, "old")
        }
        let pending = try PendingFolder(path: folder.path("out"))
        let place = URL(fileURLWithPath: pending.temporaryPath)
        try FileManager.default.createDirectory(
            at: place.appendingPathComponent("inner"), withIntermediateDirectories: false)
        for name in ["part-1-of-3", "inner/last", "last"] {
            try Data("new".utf8).write(to: place.appendingPathComponent(name))
        }
        #expect(try folder.read("out/part-1-of-3") == "old" && folder.read("out/last") == "old")
        try pending.commit(last: "last", replaces: isPart)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).sorted() == [
                "inner", "last", "notes", "part-1-of-3",
            ])
        #expect(try folder.read("out/part-1-of-3") == "new" && folder.read("out/notes") == "old")
        #expect(try folder.read("out/inner/last") == "new" && folder.read("out/last") == "new")
    }

    @Test func whatIsNotFinishedLeavesNoTrace() throws {
        let folder = try TemporaryFolder()
        try folder.write("out/last", "old")
        for name in ["out", "made/for/it"] {
            let pending = try PendingFolder(path: folder.path(name))
            try Data("new".utf8).write(
                to: URL(fileURLWithPath: pending.temporaryPath + "/last"))
            pending.discard()
        }
        #expect(try folder.names() == ["out"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path("out")) == ["last"])
        #expect(try folder.read("out/last") == "old")
    }

    @Test func aFolderThatCannotBeMadeIsNamed() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("file")
        #expect(throws: FileProblem.system(call: "mkdir", code: ENOTDIR, file: file + "/out")) {
            _ = try PendingFolder(path: file + "/out")
        }
        #expect(try folder.names() == ["file"])
    }
}
