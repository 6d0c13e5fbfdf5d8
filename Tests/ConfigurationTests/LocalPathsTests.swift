import Configuration
import ConfigurationSupport
import Files
import Foundation
import TestSupport
import Testing

/// Names of hubs and of Hugging Face's checkpoints in place of paths.
@Suite struct LocalPathsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String) throws {
        let path = (name as NSString).deletingLastPathComponent
        _ = try folder.makeFolder(path)
        try folder.write(name, "main")
    }

    private func resolved(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>
    ) throws -> (values: [String: ConfigurationValue.Content], notices: [String]) {
        var paths = LocalPaths(caches: HubCaches(environment: ["HF_HOME": folder.path("hf")]))
        var all = values(contents)
        try paths.resolve(&all)
        return (all.mapValues(\.content), paths.notices)
    }

    private func message(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>
    ) -> String? {
        do {
            _ = try resolved(contents)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func modelsTokenizersAndAdaptersOfAHubAreReadFromItsCache() throws {
        for name in ["model", "words", "lora"] {
            try write("hf/hub/models--org--\(name)/refs/main")
            try write("hf/hub/models--org--\(name)/snapshots/main/config.json")
        }
        let path = { (name: String) in
            folder.path("hf/hub/models--org--\(name)/snapshots/main")
        }
        let (values, notices) = try resolved([
            "model_name_or_path": .string("org/model"),
            "tokenizer_name_or_path": .string("org/words"),
            "adapter_name_or_path": .string("saves/a, org/lora"), "template": .string("org/model"),
        ])
        #expect(values["model_name_or_path"] == .string(path("model")))
        #expect(values["tokenizer_name_or_path"] == .string(path("words")))
        guard case .list(let adapters)? = values["adapter_name_or_path"] else {
            Issue.record("adapter_name_or_path is no list")
            return
        }
        #expect(adapters.map(\.spelling) == ["saves/a", path("lora")])
        #expect(values["template"] == .string("org/model"), "only paths are replaced")
        #expect(notices.count == 3)
        #expect(notices[0] == "model_name_or_path: org/model is read from \(path("model"))")
    }

    @Test func pathsThatAreThereAndNamesThatNoCacheHasStayAsTheyAre() throws {
        try write("hf/hub/models--org--model/refs/main")
        try write("hf/hub/models--org--model/snapshots/main/config.json")
        try write("here/config.json")
        for name in [folder.path("here"), "org/other", "saves/x/checkpoint-3.h5", "/org/model"] {
            let (values, notices) = try resolved(["model_name_or_path": .string(name)])
            #expect(values["model_name_or_path"] == .string(name) && notices.isEmpty)
        }
    }

    @Test func aRevisionIsTheSnapshotThatIsTaken() throws {
        try write("hf/hub/models--org--model/snapshots/v2/config.json")
        let (values, _) = try resolved([
            "model_name_or_path": .string("org/model"), "model_revision": .string("v2"),
        ])
        #expect(
            values["model_name_or_path"]
                == .string(folder.path("hf/hub/models--org--model/snapshots/v2")))
    }

    @Test func aFolderOfCheckpointsOrOneOfHuggingFacesNameIsOurFile() throws {
        for step in [5, 12, 100] { try write("out/checkpoint-\(step).h5") }
        try write("out/checkpoint-12/optimizer.pt")
        for (name, file) in [
            ("out", "out/checkpoint-100.h5"), ("out/", "out/checkpoint-100.h5"),
            ("out/checkpoint-12", "out/checkpoint-12.h5"),
            ("out/checkpoint-5", "out/checkpoint-5.h5"),
            ("out/checkpoint-5/", "out/checkpoint-5.h5"),
        ] {
            let (values, notices) = try resolved([
                "resume_from_checkpoint": .string(
                    folder.path(name) + (name.hasSuffix("/") ? "/" : ""))
            ])
            #expect(values["resume_from_checkpoint"] == .string(folder.path(file)), "\(name)")
            #expect(notices.count == 1)
        }
        for name in ["out/checkpoint-5.h5", "out/checkpoint-7", "hf"] {
            let (values, notices) = try resolved([
                "resume_from_checkpoint": .string(folder.path(name))
            ])
            #expect(values["resume_from_checkpoint"] == .string(folder.path(name)))
            #expect(notices.isEmpty)
        }
        #expect(
            try resolved(["resume_from_checkpoint": .bool(true)]).values["resume_from_checkpoint"]
                == .bool(true))
    }

    @Test func datasetsOfAHubAreReadFromItsCacheWhereTheFolderIsOnline() throws {
        try write("hf/hub/datasets--org--rows/refs/main")
        try write("hf/hub/datasets--org--rows/snapshots/main/a.jsonl")
        let (values, _) = try resolved([
            "dataset_dir": .string("ONLINE"), "dataset": .string("org/rows"),
        ])
        #expect(values["dataset_dir"] == nil && values["dataset"] == .string("org/rows"))
        guard case .map(let info)? = values["dataset_info"] else {
            Issue.record("dataset_info is no map")
            return
        }
        #expect(info.keys.sorted() == ["org/rows"])
        #expect(
            message(["dataset": .string("org/none"), "dataset_dir": .string("ONLINE")])
                == "run.yaml line 1: dataset: 'org/none' is a repository of a hub, since "
                + "dataset_dir is ONLINE, and no copy that can be read is on this machine; "
                + "download it, then set dataset to its file and leave dataset_dir out")
        #expect(
            message(["dataset_dir": .string("REMOTE:org/sets")])
                == "run.yaml line 1: dataset_dir: 'REMOTE:org/sets' is a repository of a hub, but "
                + "only local files are read; download its dataset_info.json and files, and give "
                + "their folder")
    }
}
