import Files
import Foundation
import Testing

@Suite final class HubCachesTests {
    private let folder: String

    init() throws {
        folder =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("hub-\(UUID().uuidString)").path
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ name: String, _ text: String = "x") throws {
        let url = URL(fileURLWithPath: folder + "/" + name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func caches(_ environment: [String: String]) -> HubCaches {
        HubCaches(environment: environment.mapValues { folder + "/" + $0 })
    }

    @Test func theEnvironmentNamesTheCachesAsItDoesForTheirPrograms() {
        #expect(HubCaches(environment: [:]) == .none)
        let home = HubCaches(environment: ["HOME": "/h"])
        #expect(home.hub == ["/h/.cache/huggingface/hub"])
        #expect(home.tables == ["/h/.cache/huggingface/datasets"])
        #expect(home.modelScope == ["/h/.cache/modelscope/hub", "/h/.cache/modelscope/hub/hub"])
        let moved = HubCaches(environment: [
            "HOME": "/h", "HF_HOME": "/d", "MODELSCOPE_CACHE": "/m",
        ])
        #expect(moved.hub == ["/d/hub"] && moved.tables == ["/d/datasets"])
        #expect(moved.modelScope == ["/m", "/m/hub"])
        let own = HubCaches(environment: [
            "HF_HOME": "/d", "HF_HUB_CACHE": "/c", "HF_DATASETS_CACHE": "/t",
        ])
        #expect(own.hub == ["/c"] && own.tables == ["/t"])
        #expect(HubCaches(environment: ["XDG_CACHE_HOME": "/x"]).hub == ["/x/huggingface/hub"])
        #expect(HubCaches(environment: ["HF_HOME": "", "HOME": "/h"]).hub == home.hub)
    }

    @Test func aModelIsTheSnapshotThatItsBranchNames() throws {
        try write("hf/hub/models--org--m/refs/main", "abc\n")
        try write("hf/hub/models--org--m/refs/pr/1", "def")
        for commit in ["abc", "def", "ghi"] {
            try write("hf/hub/models--org--m/snapshots/\(commit)/config.json")
        }
        let caches = caches(["HF_HOME": "hf"])
        let snapshots = folder + "/hf/hub/models--org--m/snapshots/"
        #expect(caches.folder(of: "org/m", .models) == snapshots + "abc")
        #expect(caches.folder(of: "org/m", .models, revision: "pr/1") == snapshots + "def")
        #expect(caches.folder(of: "org/m", .models, revision: "ghi") == snapshots + "ghi")
        #expect(caches.folder(of: "org/m", .models, revision: "other") == nil)
        #expect(caches.folder(of: "org/m", .datasets) == nil)
        #expect(caches.folder(of: "org/n", .models) == nil)
    }

    @Test func aNameWithoutAnOrganisationAndModelScopesFolderAreFoundToo() throws {
        try write("hf/hub/models--gpt2/refs/main", "1")
        try write("hf/hub/models--gpt2/snapshots/1/config.json")
        try write("ms/models/org/m___5/config.json")
        let caches = caches(["HF_HOME": "hf", "MODELSCOPE_CACHE": "ms"])
        #expect(caches.folder(of: "gpt2", .models)?.hasSuffix("models--gpt2/snapshots/1") == true)
        #expect(caches.folder(of: "org/m.5", .models) == folder + "/ms/models/org/m___5")
    }

    /// A text from a file never leads out of the cache.
    @Test(arguments: [
        "", "/etc", "../x", "a/../b", "a/b/c", "a b", "./a", "a/", "~/m", "a/.b", "a\0b",
    ])
    func onlyNamesOfRepositoriesAreLookedFor(_ name: String) throws {
        try write("hf/hub/x")
        #expect(!HubCaches.isIdentifier(name))
        #expect(caches(["HF_HOME": "hf"]).folder(of: name, .models) == nil)
    }

    @Test func aReferenceNeverLeadsOutOfTheSnapshots() throws {
        try write("hf/hub/models--a--b/refs/main", "../../../secret")
        try write("secret/config.json")
        #expect(caches(["HF_HOME": "hf"]).folder(of: "a/b", .models) == nil)
        #expect(
            caches(["HF_HOME": "hf"]).folder(of: "a/b", .models, revision: "../../main") == nil)
    }
}
