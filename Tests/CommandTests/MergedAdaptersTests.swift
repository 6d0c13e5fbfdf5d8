import Foundation
import Testing

/// An adapter that was trained over another needs it wherever it is read.
@Suite struct MergedAdaptersTests {
    private static let file = "second/merged_adapters.json"

    /// A folder with two adapters, the second trained over the first.
    private func trained() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "first", ["max_steps=20"])
        try folder.tuneToEnd(
            output: "second",
            ["adapter_name_or_path=first", "create_new_adapter=true", "max_steps=20"])
        return folder
    }

    private func export(_ folder: TrialFolder, _ adapters: String, to output: String) throws {
        try folder.write("export.yaml", "model_name_or_path: model\ntemplate: chatml\n")
        let run = try folder.run([
            "export", "export.yaml", "adapter_name_or_path=\(adapters)", "export_dir=\(output)",
        ])
        try #require(run.status == 0, "\(run.errors)")
    }

    @Test func whatItWasTrainedOverLiesUnderItAgain() throws {
        let folder = try trained()
        let named = String(decoding: try folder.data(Self.file), as: UTF8.self)
        #expect(named == "{\n  \"merged_adapters\": [\n    \"first\"\n  ]\n}\n", "\(named)")
        try export(folder, "first", to: "merged")
        let wanted = try folder.logProbabilities("merged", adapter: "second")
        // Merged weights are rounded to float32 once more.
        for model in ["second", "second/checkpoint-20.h5"] {
            #expect(largestDistance(try folder.logProbabilities(model), wanted) < 1e-4)
        }
        let beside = try folder.logProbabilities("model", adapter: "second")
        #expect(largestDistance(beside, wanted) < 1e-4)
        let list = try folder.run([
            "score", "--model", "model", "--adapter", "first", "--adapter", "second", "--input",
            "texts.txt", "--threads", "1",
        ])
        let alone = try folder.run([
            "score", "--model", "second", "--input", "texts.txt", "--threads", "1",
        ])
        #expect(list.status == 0 && list.output == alone.output, "\(list.errors)")
        try export(folder, "second", to: "both")
        #expect(largestDistance(try folder.logProbabilities("both"), wanted) < 1e-4)
        // It counts: the second without the first is something else.
        try folder.remove(Self.file)
        #expect(largestDistance(try folder.logProbabilities("second"), wanted) > 1e-2)
    }

    @Test func trainingGoesOnOverIt() throws {
        let folder = try trained()
        try folder.tuneToEnd(output: "third", ["adapter_name_or_path=second", "max_steps=3"])
        try folder.tuneToEnd(output: "list", ["adapter_name_or_path=first,second", "max_steps=3"])
        #expect(try folder.losses("third") == folder.losses("list"))
        #expect(folder.exists("third/merged_adapters.json"))
        // What an earlier run named does not outlive it.
        try folder.tuneToEnd(output: "third", ["max_steps=1", "overwrite_output_dir=true"])
        #expect(!folder.exists("third/merged_adapters.json"))
    }

    @Test func whatIsMissingOrAnotherIsRefused() throws {
        let folder = try trained()
        try folder.copy("first", to: "moved")
        func refusal(_ arguments: [String]) throws -> String {
            let run = try folder.run(
                ["score", "--input", "texts.txt", "--threads", "1", "--model"] + arguments)
            #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
            return run.messages.first ?? ""
        }
        try folder.write("texts.txt", "red and blue\n")
        let other = try refusal(["model", "--adapter", "moved", "--adapter", "second"])
        #expect(other.contains("'second' was trained over first, and here it would lie on moved"))
        try folder.remove("first")
        let missing = try refusal(["second"])
        #expect(
            missing.contains("'second' was trained over the adapter 'first', which does not exist"))
        #expect(missing.hasSuffix("adapter_name_or_path: PLACE,second"), "\(missing)")
        let run = try folder.run([
            "score", "--input", "texts.txt", "--threads", "1", "--model", "model", "--adapter",
            "moved", "--adapter", "second",
        ])
        #expect(run.status == 0, "\(run.errors)")
        try folder.write(Self.file, "{\"merged_adapters\": \"first\"}")
        #expect(try refusal(["second"]).contains("\(Self.file): expected {\"merged_adapters\": ["))
    }
}
