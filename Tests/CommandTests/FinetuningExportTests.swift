import Foundation
import Testing

@Suite struct FinetuningExportTests {
    /// A folder with a trained adapter of each kind of factors.
    private func trained() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "lora")
        try folder.write(
            "export.yaml",
            """
            model_name_or_path: model
            adapter_name_or_path: lora
            template: chatml
            finetuning_type: lora
            export_dir: merged

            """)
        return folder
    }

    private func export(_ folder: TrialFolder, _ overrides: [String]) throws {
        let run = try folder.run(["export", "export.yaml"] + overrides)
        try #require(run.status == 0, "\(run.errors)")
    }

    @Test(arguments: [
        [], ["use_dora=true"], ["use_rslora=true", "pissa_init=true"],
        ["additional_target=embed_tokens,lm_head"], ["quantization_bit=4"],
    ])
    func aMergedModelScoresAsTheAdapterDoes(_ overrides: [String]) throws {
        let folder = try trained()
        try folder.tuneToEnd(output: "own", overrides)
        try export(folder, ["adapter_name_or_path=own"])
        let beside = try folder.logProbabilities("model", adapter: "own")
        #expect(largestDistance(try folder.logProbabilities("merged"), beside) < 1e-4)
        #expect(largestDistance(try folder.logProbabilities("model"), beside) > 0.1)
        let modelfile = String(decoding: try folder.data("merged/Modelfile"), as: UTF8.self)
        #expect(modelfile.hasPrefix("FROM .\n"))
        #expect(modelfile.contains("<|im_start|>user\n{{ .Content }}<|im_end|>\n"))
        #expect(modelfile.contains("PARAMETER stop \"<|im_end|>\"\n"))
    }

    /// A limit of the sizes of files stands for a disk without room: the weights fit, a file after them
    /// does not.
    @Test func withoutRoomTheFolderIsWhatItWas() throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("export.yaml", "model_name_or_path: model\nexport_dir: made/model\n")
        let name = "model/tokenizer_config.json"
        let text = String(decoding: try folder.data(name), as: UTF8.self)
        let long = "{# \(String(repeating: "x", count: 1_000_000)) #}"
        try folder.write(
            name, text.replacing("{", with: "{\"chat_template\": \"\(long)\",", maxReplacements: 1))
        let full = try folder.run(["export", "export.yaml"], shell: "ulimit -f 500")
        #expect(full.status == 1 && full.says("File too large"), "\(full.status): \(full.errors)")
        #expect(full.messages.count == 1 && !folder.exists("made"))
        // The folder of an earlier model keeps that.
        try folder.write(name, text)
        try export(folder, ["export_size=0.00005"])
        let before = folder.names("made/model")
        try #require(before.contains("model.safetensors.index.json"))
        try folder.write(
            name, text.replacing("{", with: "{\"chat_template\": \"\(long)\",", maxReplacements: 1))
        let again = try folder.run(["export", "export.yaml"], shell: "ulimit -f 500")
        #expect(again.status == 1 && folder.names("made/model") == before)
        try folder.write(name, text)
        try export(folder, [])
        #expect(folder.exists("made/model/model.safetensors"))
        #expect(!folder.exists("made/model/model.safetensors.index.json"))
        #expect(!folder.names("made/model").contains { $0.hasPrefix(".tmp") })
    }

    /// The checkpoint alone says which model is its own.
    @Test func aBaseThatACheckpointNamesIsNotOverwritten() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "lora", ["max_steps=1"])
        try folder.write("export.yaml", "model_name_or_path: lora/checkpoint-1.h5\n")
        let before = try folder.data("model/model.safetensors")
        for target in ["model", "lora/checkpoint-1"] {
            let run = try folder.run(["export", "export.yaml", "export_dir=\(target)"])
            #expect(run.status == 2)
            #expect(
                run.messages == [
                    "export_dir: '\(target)' is the folder of the model or of an adapter that is "
                        + "exported; choose another"
                ])
        }
        #expect(try folder.data("model/model.safetensors") == before)
    }

    @Test func whatAnAdaptersRunLeftIsReadWithItsModel() throws {
        let folder = try trained()
        let checkpoint = try #require(folder.names("lora").first { $0.hasSuffix(".h5") })
        let beside = try folder.logProbabilities("model", adapter: "lora")
        #expect(try folder.logProbabilities("lora") == beside)
        #expect(try folder.logProbabilities("lora/\(checkpoint)") == beside)
        #expect(try folder.logProbabilities("model", adapter: "lora/\(checkpoint)") == beside)
        try export(
            folder, ["model_name_or_path=lora/\(checkpoint)", "adapter_name_or_path=null"])
        #expect(largestDistance(try folder.logProbabilities("merged"), beside) < 1e-4)

        // A run of whole weights has that step, too; the folder beside its checkpoint is an older one's.
        let whole = try folder.tuneToEnd(output: "whole", ["finetuning_type=full"])
        #expect(whole.status == 0 && folder.names("whole").contains(checkpoint))
        let before = try folder.logProbabilities("whole/\(checkpoint)")
        try folder.copy("lora/\(checkpoint.dropLast(3))", to: "whole/\(checkpoint.dropLast(3))")
        #expect(try folder.logProbabilities("whole/\(checkpoint)") == before)

        try folder.remove("model")
        let run = try folder.run(
            ["score", "--model", "lora/\(checkpoint)", "--input", "texts.txt"])
        #expect(run.status == 2)
        #expect(
            run.messages == [
                "'lora/\(checkpoint)' holds an adapter for the model 'model', which does not exist; "
                    + "give the model's path, and lora/\(checkpoint.dropLast(3)) as its adapter"
            ])
    }

    /// float16 keeps 11 bits of each weight; Q8_0 rounds it to 1/254 of the largest in its block.
    @Test(arguments: [("f16", 2e-3), ("q8_0", 5e-2)])
    func aMergedGGUFFileScoresNearlyAsTheAdapterDoes(_ form: String, _ limit: Double) throws {
        let folder = try trained()
        try export(folder, ["export_gguf=\(form)"])
        let modelfile = String(decoding: try folder.data("merged/Modelfile"), as: UTF8.self)
        #expect(modelfile.hasPrefix("FROM ./model-\(form).gguf\n"))
        let beside = try folder.logProbabilities("model", adapter: "lora")
        let file = try folder.logProbabilities("merged/model-\(form).gguf")
        let distance = largestDistance(file, beside)
        #expect(distance < limit && distance > 0, "\(distance)")
        try folder.tuneToEnd(output: "next", ["model_name_or_path=merged/model-\(form).gguf"])
        #expect(try folder.progress("next") < 0.99, "the file is a base to train on")
    }

    @Test func adaptersFollowEachOther() throws {
        let folder = try trained()
        try export(folder, [])
        let anew = ["create_new_adapter=true"]
        try folder.tuneToEnd(output: "second", anew + ["adapter_name_or_path=lora"])
        try folder.tuneToEnd(output: "onMerged", ["model_name_or_path=merged"])
        #expect(
            largestDifference(try folder.losses("second"), try folder.losses("onMerged")) < 1e-4)

        try export(folder, ["adapter_name_or_path=lora,second", "export_dir=both"])
        let both = try folder.logProbabilities("both")
        let beside = try folder.logProbabilities("merged", adapter: "second")
        #expect(largestDistance(both, beside) < 1e-4)

        // All but the last are merged, the last goes on.
        try folder.tuneToEnd(output: "third", ["adapter_name_or_path=lora,second"])
        try folder.tuneToEnd(
            output: "alone", ["model_name_or_path=merged", "adapter_name_or_path=second"])
        #expect(largestDifference(try folder.losses("third"), try folder.losses("alone")) < 1e-4)
        #expect(try folder.losses("third")[0] < folder.losses("second")[0])

        let settings = ["temperature=0", "max_new_tokens=6"]
        let pair = try folder.run(
            ["chat", "export.yaml", "adapter_name_or_path=lora,second"] + settings, input: "hi\n")
        let one = try folder.run(
            ["chat", "export.yaml", "model_name_or_path=merged", "adapter_name_or_path=second"]
                + settings, input: "hi\n")
        #expect(pair.status == 0 && !pair.output.isEmpty && pair.output == one.output)
    }

    @Test func aQuantizedBaseIsKeptSoInChat() throws {
        let folder = try trained()
        let chat = ["chat", "export.yaml", "temperature=0", "max_new_tokens=6"]
        let run = try folder.run(chat + ["quantization_bit=8"], input: "hi\n")
        #expect(run.status == 0 && !run.output.isEmpty, "\(run.errors)")
        let two = try folder.run(
            chat + ["quantization_bit=8", "adapter_name_or_path=lora,lora"], input: "hi\n")
        #expect(two.status == 2)
        #expect(two.messages.first?.hasPrefix("quantization_bit keeps the base as it is") == true)
    }
}
