import Foundation
import Testing

/// A mistake of finetuning and the line that answers it.
struct BadFinetuning: CustomTestStringConvertible, Sendable {
    let message: String
    var arguments: [String] = []
    /// What happens to the folder before.
    var damage: @Sendable (TrialFolder) throws -> Void = { _ in }
    var ranks = [1]

    var testDescription: String { message }

    /// Adds `name` to dataset_info.json with its file.
    private static func dataset(
        _ name: String, _ content: String, _ keys: String = ""
    ) -> @Sendable (TrialFolder) throws -> Void {
        {
            try $0.write("data/\(name).json", content)
            try $0.write(
                "data/dataset_info.json",
                "{\"\(name)\": {\"file_name\": \"\(name).json\"\(keys)}}")
        }
    }

    /// An adapter `bad` that is like lora_start but for some of its tensors.
    private static func adapter(
        _ body: @escaping @Sendable (inout [String: EditableTensors.Tensor]) -> Void
    ) -> @Sendable (TrialFolder) throws -> Void {
        { folder in
            try folder.copy("lora_start", to: "bad")
            let name = "bad/adapter_model.safetensors"
            var file = try EditableTensors(folder.data(name))
            body(&file.tensors)
            try folder.write(name, try file.data())
        }
    }

    /// A GGUF file of the model.
    private static func gguf(
        _ body: @escaping @Sendable (inout Data) -> Void
    ) -> @Sendable (TrialFolder) throws -> Void {
        { folder in
            try folder.write("export.yaml", "model_name_or_path: model\nexport_dir: made\n")
            let run = try folder.run(["export", "export.yaml", "export_gguf=f16"])
            guard run.status == 0 else { throw TokenizerSample.Failed(reason: run.errors) }
            var data = try folder.data("made/model-f16.gguf")
            try folder.remove("made")
            body(&data)
            try folder.write("base.gguf", data)
        }
    }

    private static let tools = """
        [{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "a"}], \
        "tools": "[{\\"name\\": "}, {"conversations": [{"from": "human", "value": "hi"}, \
        {"from": "gpt", "value": "hello"}]}]
        """
    static let toolKeys = """
        , "formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools"}
        """
    private static let down = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"

    static let brokenTools = dataset("tools", tools, toolKeys)

    static let data: [BadFinetuning] = [
        BadFinetuning(
            message: "dataset wrong: no row has answer; columns found: instruction, output; name "
                + "them in dataset_info.json under columns:",
            arguments: ["dataset=wrong"],
            damage: dataset(
                "wrong", "[{\"instruction\": \"a\", \"output\": \"b\"}]",
                ", \"columns\": {\"prompt\": \"instruction\", \"response\": \"answer\"}"),
            ranks: [1, 2]),
        BadFinetuning(
            message:
                "data/tools.json row 1: found tools: the end at byte 10 of the JSON, expected "
                + "a value (strict_data: true stops at the first wrong row)",
            arguments: ["dataset=tools", "strict_data=true"], damage: brokenTools, ranks: [1, 2]),
        BadFinetuning(
            message: "data/pictures.json line 1: images found, but this is a text model; leave out "
                + "the column or use rows of text only",
            arguments: ["dataset=pictures"],
            damage: dataset(
                "pictures",
                "[{\"instruction\": \"<image> a\", \"output\": \"b\", \"images\": [\"a.png\"]}]",
                ", \"columns\": {\"prompt\": \"instruction\", \"response\": \"output\", "
                    + "\"images\": \"images\"}")),
        BadFinetuning(
            message: "dataset empty: no rows found", arguments: ["dataset=empty"],
            damage: dataset("empty", "[]")),
        BadFinetuning(
            message:
                "data/cut.json: line 1: expected \",\" or \"]\" after a row; the file is cut off",
            arguments: ["dataset=cut"],
            damage: dataset("cut", "[{\"instruction\": \"a\", \"output\": ")),
        BadFinetuning(
            message: "dataset nonsuch: not in data/dataset_info.json and no file of that name; it "
                + "lists rows",
            arguments: ["dataset=nonsuch"], ranks: [1, 2]),
        BadFinetuning(
            message: "cutoff_len: 8 cuts the prompt of all 24 rows; raise it above the length of "
                + "the prompts",
            arguments: ["cutoff_len=8"]),
        BadFinetuning(
            message: "template is not set and the model has no chat template of its own; set "
                + "template: NAME (chatml, llama3, qwen, …)",
            arguments: ["template="]),
    ]

    static let models: [BadFinetuning] = [
        BadFinetuning(
            message: "command line: quantization_bit: found the number 3, expected one of 4, 8",
            arguments: ["quantization_bit=3"]),
        BadFinetuning(
            message: "lora_target w_proj matches no module of this model; it has down_proj, "
                + "gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
            arguments: ["lora_target=w_proj"], ranks: [1, 2]),
        BadFinetuning(
            message: "lora_target w_proj matches no module of this model; it has down_proj, "
                + "gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
            arguments: ["lora_target=q_proj,w_proj"]),
        BadFinetuning(
            message: "data holds dataset_info.json, rows.json, expected adapter_config.json with "
                + "adapter_model.safetensors or adapter.safetensors; save the adapter with "
                + "safetensors (safe_serialization=True, use_safetensors=True)",
            arguments: ["adapter_name_or_path=data"]),
        BadFinetuning(
            message: "adapter_name_or_path: lora_start holds an adapter of finetuning_type lora, "
                + "but finetuning_type is adapter; set it to lora",
            arguments: ["adapter_name_or_path=lora_start", "finetuning_type=adapter"]),
        BadFinetuning(
            message: "\(down) is missing in bad/adapter_model.safetensors; the adapter is "
                + "incomplete or for another model",
            arguments: ["adapter_name_or_path=bad"],
            damage: adapter { $0[down] = nil }, ranks: [1, 2]),
        BadFinetuning(
            message: "base_model.model.model.layers.7.mlp.down_proj.lora_A.weight in "
                + "bad/adapter_model.safetensors does not belong to this model and "
                + "adapter_config.json; the adapter is for another model, or for modules that take none "
                + "here: merge it with PEFT then (merge_and_unload)",
            arguments: ["adapter_name_or_path=bad"],
            damage: adapter { $0[down.replacing("layers.0", with: "layers.7")] = $0[down] }),
        BadFinetuning(
            message: "\(down) in bad/adapter_model.safetensors has shape [4, 32], this model needs "
                + "[4, 64]; the adapter was made for model",
            arguments: ["adapter_name_or_path=bad"],
            damage: adapter {
                $0[down]?.shape = [4, 32]
                $0[down]?.bytes = Data(count: 4 * 32 * 4)
            }),
        BadFinetuning(
            message: "bad/adapter_config.json: target_modules c_attn, c_proj matches no module of "
                + "this model; it has down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
            arguments: ["adapter_name_or_path=bad"],
            damage: {
                try $0.copy("lora_start", to: "bad")
                try $0.write(
                    "bad/adapter_config.json",
                    "{\"peft_type\": \"LORA\", \"r\": 4, \"target_modules\": [\"c_attn\", "
                        + "\"c_proj\"]}")
            }),
        BadFinetuning(
            message: "quantization_bit keeps the base as it is, but 1 adapters are to be merged "
                + "into it first; export the merged model and train on that",
            arguments: [
                "adapter_name_or_path=lora_start", "create_new_adapter=true", "quantization_bit=4",
            ]),
        BadFinetuning(
            message: "config.json: model_type \"mamba\" is not known here; supported are ",
            damage: {
                let text = String(decoding: try $0.data("model/config.json"), as: UTF8.self)
                try $0.write("model/config.json", text.replacing("\"llama\"", with: "\"mamba\""))
            }),
        BadFinetuning(
            message:
                "base.gguf cannot be read: blk.1.ffn_gate.weight [64, 32] of F16 at byte 49408 "
                + "of the data ends beyond the file's 60000 bytes; it is truncated, copy it again",
            arguments: ["model_name_or_path=base.gguf"], damage: gguf { $0 = $0.prefix(60000) },
            ranks: [1, 2]),
        BadFinetuning(
            message: "base.gguf: general.architecture \"mamba\" is not supported; supported are ",
            arguments: ["model_name_or_path=base.gguf"],
            damage: gguf {
                while let place = $0.range(of: Data("llama".utf8)) {
                    $0.replaceSubrange(place, with: Data("mamba".utf8))
                }
            }),
        BadFinetuning(
            message: "quantization_bit needs a Hugging Face folder; a GGUF file is quantized "
                + "already and stays so, leave quantization_bit out",
            arguments: ["model_name_or_path=base.gguf", "quantization_bit=4"],
            damage: gguf { _ in }),
    ]
}

@Suite struct BadFinetuningTests {
    @Test(arguments: BadFinetuning.data + BadFinetuning.models)
    func aMistakeIsToldInOneLineAndNothingIsWritten(_ mistake: BadFinetuning) throws {
        let folder = try TrialFolder.finetuning()
        try mistake.damage(folder)
        let before = folder.names(".")
        for ranks in mistake.ranks {
            let batch = "per_device_train_batch_size=\(2 / ranks)"
            let run = try folder.tune(output: "out/run", ranks: ranks, [batch] + mistake.arguments)
            #expect(run.status == 2, "\(run.errors)")
            if mistake.message.hasSuffix(" ") {
                // A list of what is supported follows.
                #expect(run.messages.count == 1 && run.errors.split(separator: "\n").count == 1)
                #expect(run.messages.first?.hasPrefix(mistake.message) == true, "\(run.errors)")
            } else {
                expectMessage(run, mistake.message, ranks: ranks)
            }
            #expect(folder.names(".") == before, "nothing is written")
        }
    }

    @Test func anUnknownTemplateIsAnsweredWithTheNearestName() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tune(["template=chatmll"])
        #expect(run.status == 2 && run.errors.split(separator: "\n").count == 1)
        let message = try #require(run.messages.first)
        #expect(message.hasPrefix("template: found chatmll, expected one of default, empty, "))
        #expect(message.hasSuffix("; did you mean chatml?"))
        #expect(!folder.exists("out"))
    }

    @Test func wrongRowsAreCountedShownAndSkipped() throws {
        let folder = try TrialFolder.finetuning()
        try BadFinetuning.brokenTools(folder)
        let run = try folder.tuneToEnd(["dataset=tools", "max_steps=1"])
        #expect(run.says("1 of 2 rows are wrong and were skipped:"))
        #expect(run.says("data/tools.json row 1: found tools: the end at byte 10 of the JSON"))
        #expect(run.says("data tools: 1 examples"))
    }

    @Test func anAdapterIsRefusedByTheOtherCommandsToo() throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("ids.jsonl", "{\"ids\": [1, 2]}\n")
        try folder.write(
            "export.yaml",
            "model_name_or_path: model\nadapter_name_or_path: data\nexport_dir: made\n")
        for arguments in [
            ["score", "--model", "model", "--adapter", "data", "--input", "ids.jsonl"],
            ["export", "export.yaml"], ["chat", "export.yaml", "template=chatml"],
        ] {
            let run = try folder.run(arguments, input: "hi\n")
            #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
            #expect(run.says("expected adapter_config.json"), "\(run.errors)")
        }
        #expect(!folder.exists("made"))
    }
}
