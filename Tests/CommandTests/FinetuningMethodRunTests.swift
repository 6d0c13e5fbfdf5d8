import Foundation
import TestSupport
import Testing

@Suite struct FinetuningMethodRunTests {
    @Test(arguments: ["seq_bn", "double_seq_bn", "par_bn"])
    func bottleneckAdaptersLearnAndLeaveTheirFiles(_ kind: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd([
            "finetuning_type=adapter", "adapter_config=\(kind)", "learning_rate=2e-2",
            "adapter_reduction_factor=4",
        ])
        #expect(try folder.progress() < 0.95)
        let tensors = try EditableTensors(folder.data("out/adapter.safetensors")).tensors
        #expect(!tensors.isEmpty && folder.exists("out/adapter_config.json"))
        #expect(!folder.exists("out/model.safetensors"))
        // The trained adapter beside the base is what the run ended with.
        try folder.tuneToEnd(
            output: "on", ["finetuning_type=adapter", "adapter_name_or_path=out", "max_steps=1"])
        #expect(try folder.losses("on")[0] < folder.losses()[24])
    }

    @Test(arguments: [
        (["finetuning_type=adapter", "adapter_config=par_bn"], "adapter.safetensors"),
        (["finetuning_type=adapter", "adapter_config=double_seq_bn"], "adapter.safetensors"),
        (["lora_rank=2"], "adapter_model.safetensors"),
        (["use_dora=true"], "adapter_model.safetensors"),
        (["quantization_bit=8"], "adapter_model.safetensors"),
    ])
    func theFilesOfAnAdapterAreNamedAsTheyAre(_ settings: [String], _ file: String) throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd(settings + ["max_steps=1", "save_strategy=no"])
        #expect(
            run.says("the adapter is in out (adapter_config.json, \(file))"), "\(run.errors)")
        #expect(
            folder.names("out").filter { $0.hasSuffix(".safetensors") } == [file])
        #expect(folder.exists("out/adapter_config.json"))
    }

    @Test(arguments: [("1", "layers.1."), ("-1", "layers.0.")])
    func freezingTrainsTheLayersItNames(_ layers: String, _ trained: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd([
            "finetuning_type=freeze", "freeze_trainable_layers=\(layers)", "learning_rate=3e-3",
        ])
        #expect(try folder.progress() < 0.97)
        let base = try EditableTensors(folder.data("model/model.safetensors")).tensors
        let tuned = try EditableTensors(folder.data("out/model.safetensors")).tensors
        #expect(Set(base.keys) == Set(tuned.keys))
        for (name, tensor) in base {
            #expect((tensor != tuned[name]) == name.contains(trained), "\(name)")
        }
    }

    @Test(arguments: ["4", "8"], [false, true])
    func aQuantizedBaseIsTrainedOn(_ bits: String, _ isDoRA: Bool) throws {
        let folder = try TrialFolder.finetuning()
        let form = ["use_dora=\(isDoRA)", "lora_target=q_proj,v_proj,down_proj"]
        try folder.tuneToEnd(output: "full", form + ["max_steps=1"])
        try folder.tuneToEnd(form + ["quantization_bit=\(bits)"])
        let (whole, rounded) = try (folder.losses("full")[0], folder.losses()[0])
        let difference = abs(whole - rounded) / whole
        // The base is rounded, and only as far as its bits do.
        #expect(difference > 1e-7 && difference < (bits == "4" ? 2e-2 : 1e-3))
        #expect(try folder.progress() < 0.95)
    }

    @Test(arguments: [
        ["pissa_init=true", "learning_rate=5e-3"], ["use_rslora=true", "loraplus_lr_ratio=4"],
        ["additional_target=embed_tokens,lm_head", "learning_rate=5e-3"],
        ["lora_target=.*layers\\.1\\..*_proj"],
    ])
    func formsOfLoRALearn(_ overrides: [String]) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(overrides)
        #expect(try folder.progress() < 0.97)
    }

    @Test func evaluationWeighsTokensAsTheLossDoes() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd([
            "learning_rate=0", "max_steps=6", "eval_dataset=rows", "eval_strategy=epoch",
            "per_device_eval_batch_size=5",
        ])
        let labels = try #require(
            try References.object("finetuning/reference.json")["labels"] as? [[Int]])
        let targets = labels.map { Double($0.dropFirst().count { $0 != -100 }) }
        let losses = try folder.losses()
        try #require(losses.count == 6 && labels.count == 24)
        let weights = (0..<6).map { targets[(4 * $0)..<(4 * $0 + 4)].reduce(0, +) }
        let sum = zip(losses, weights).reduce(0) { $0 + $1.0 * $1.1 }
        let expected = sum / weights.reduce(0, +)
        let evaluation = try #require(try folder.log().compactMap(\.evaluationLoss).first)
        #expect(abs(evaluation - expected) < 1e-5 * expected)
    }

    @Test func neatlyPackedExamplesSeeThemselvesOnly() throws {
        let folder = try TrialFolder.finetuning()
        var losses: [String: Double] = [:]
        for packing in ["no", "packing", "neat_packing"] {
            try folder.tuneToEnd(
                output: packing,
                [
                    "max_steps=1", "eval_dataset=rows", "eval_strategy=steps", "eval_steps=1",
                    packing == "no" ? "packing=false" : "\(packing)=true",
                ])
            losses[packing] = try folder.log(packing).compactMap(\.evaluationLoss).first
        }
        let (apart, together, neat) = (losses["no"]!, losses["packing"]!, losses["neat_packing"]!)
        #expect(abs(neat - apart) < 1e-5 * apart)
        #expect(abs(together - apart) > 1e-3 * apart)
        for packing in ["packing", "neat_packing"] {
            try folder.tuneToEnd(output: packing + "-run", ["\(packing)=true"])
            #expect(try folder.progress(packing + "-run") < 0.95)
        }
    }

    @Test func heldOutRowsAreNotTrainedOn() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd(["val_size=0.25", "eval_strategy=steps", "eval_steps=10"])
        #expect(run.says("data rows: 18 examples") && run.says("6 held out"))
        #expect(try folder.log().compactMap(\.evaluationLoss).count == 3)
    }

    @Test func callsOfToolsAreTrainedOn() throws {
        let folder = try TrialFolder.finetuning()
        let tools = """
            [{\\"name\\": \\"add\\", \\"description\\": \\"Adds.\\", \\"parameters\\": {\\"type\\": \
            \\"object\\", \\"properties\\": {\\"a\\": {\\"type\\": \\"number\\"}}, \
            \\"required\\": [\\"a\\"]}}]
            """
        let row = """
            {"conversations": [{"from": "human", "value": "Add 2 and 5."}, {"from": \
            "function_call", "value": "{\\"name\\": \\"add\\", \\"arguments\\": {\\"a\\": 2}}"}, \
            {"from": "observation", "value": "7"}, {"from": "gpt", "value": "It is 7."}], \
            "tools": "\(tools)"}

            """
        try folder.write("data/calls.jsonl", String(repeating: row, count: 6))
        try folder.write(
            "data/dataset_info.json",
            """
            {"calls": {"file_name": "calls.jsonl", "formatting": "sharegpt", "columns": \
            {"messages": "conversations", "tools": "tools"}}}
            """)
        try folder.write(
            "model/config.json",
            String(decoding: try folder.data("model/config.json"), as: UTF8.self)
                .replacing(
                    "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 2048"))
        let run = try folder.tuneToEnd(["dataset=calls", "template=qwen", "cutoff_len=2048"])
        #expect(run.says("{\"name\": \"add\", \"arguments\": {\"a\": 2}}"))
        #expect(run.says("<tool_response>"))
        #expect(!run.says("are wrong"))
        #expect(try folder.progress() < 0.8)
    }
}
