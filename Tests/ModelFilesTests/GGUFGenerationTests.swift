import Autograd
import Configuration
import ConfigurationSupport
import Foundation
import Kernels
import ModelFiles
import Models
import Templates
import TestSupport
import Testing
import Tokenizers
import WeightFiles

/// What a GGUF file says of how texts are written and where they end: read as a folder's
/// generation_config.json and chat templates are, and written from them.
@Suite struct GGUFGenerationTests {
    /// `export` of a folder that holds a tiny model with Llama 3's cuts and these files, to GGUF.
    private func exported(
        _ files: [String: String], _ body: (_ path: String) throws -> Void
    ) throws {
        let definition = try GGUFVocabularyTests().byteLevel("llama3")
        let rows = try TokenizerFolder.parse(text: definition, configuration: nil).vocabularySize
        let model = try ModelCatalog.model(
            configuration: """
                {"model_type": "llama", "vocab_size": \(rows), "hidden_size": 32,
                "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
                """)
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        for parameter in model.parameters {
            workspace.assign([Float](repeating: 0, count: parameter.count), to: parameter)
        }
        let folder = try TemporaryFolder()
        let base = try folder.makeFolder("model")
        let tokenizer = [
            "tokenizer.json": definition,
            "tokenizer_config.json":
                #"{"bos_token": "<|begin_of_text|>", "eos_token": "<|endoftext|>"}"#,
        ]
        try ModelExport.write(
            model, in: workspace, to: base, type: .float32,
            tokenizerFiles: tokenizer.merging(files) { $1 })
        let configuration = try RunConfiguration(
            values: values([
                "model_name_or_path": .string(base), "export_dir": .string(folder.path("merged")),
                "export_gguf": .string("f16"),
            ]), command: .export)
        try body(ModelFolderExport(configuration).run() + "/model-f16.gguf")
    }

    @Test func everyEndTokenOfTheGenerationConfigurationIsWritten() throws {
        let text = #"{"eos_token_id": [2906, 745, 12, 13, 14], "bos_token_id": 2907}"#
        try exported(["generation_config.json": text]) { path in
            let metadata = try GGUFFile(path: path).metadata
            // llama.cpp knows three of them, Ollama the list.
            #expect(metadata["tokenizer.ggml.eos_token_id"]?.integer == 2906)
            #expect(metadata["tokenizer.ggml.eot_token_id"]?.integer == 745)
            #expect(metadata["tokenizer.ggml.eom_token_id"]?.integer == 12)
            #expect(
                metadata["tokenizer.ggml.eos_token_ids"]?.integers == [2906, 745, 12, 13, 14])
            let read = try InferenceModel(path: path, threads: 1)
            #expect(read.endTokens == [2906, 745, 12, 13, 14])
        }
    }

    @Test func oneEndTokenHasNoList() throws {
        try exported(["generation_config.json": #"{"eos_token_id": 2906}"#]) { path in
            let keys = try GGUFFile(path: path).metadata.keys
            #expect(!keys.contains("tokenizer.ggml.eot_token_id"))
            #expect(!keys.contains("tokenizer.ggml.eos_token_ids"))
        }
    }

    @Test func howTextsAreDrawnIsWrittenAndRead() throws {
        let text = """
            {"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.9, "min_p": 0.05,
            "repetition_penalty": 1.1, "eos_token_id": 2906}
            """
        try exported(["generation_config.json": text]) { path in
            let metadata = try GGUFFile(path: path).metadata
            #expect(metadata["general.sampling.temp"] == .float32(0.6))
            #expect(metadata["general.sampling.top_k"] == .int32(20))
            #expect(metadata["general.sampling.top_p"] == .float32(0.9))
            #expect(metadata["general.sampling.min_p"] == .float32(0.05))
            #expect(metadata["general.sampling.penalty_repeat"] == .float32(1.1))
            #expect(metadata["general.sampling.penalty_last_n"] == .int32(-1))
            let (settings, taken) = try InferenceModel(path: path, threads: 1).samplingDefaults()
            #expect(settings.temperature == 0.6 && settings.topK == 20 && settings.topP == 0.9)
            #expect(settings.minP == 0.05 && settings.repetitionPenalty == 1.1)
            #expect(taken.count == 5, "\(taken)")
        }
    }

    @Test func aGreedyConfigurationStaysGreedy() throws {
        let text = #"{"do_sample": false, "temperature": 0.6, "eos_token_id": 2906}"#
        try exported(["generation_config.json": text]) { path in
            #expect(try GGUFFile(path: path).metadata["general.sampling.temp"] == .float32(0))
            let read = try InferenceModel(path: path, threads: 1).samplingDefaults()
            #expect(read.settings.temperature == 0)
        }
    }

    @Test func chatTemplatesWithNamesAreWrittenAndRead() throws {
        let (plain, tools) = ("{{ messages[0]['content'] }}", "{{ tools | length }}")
        let name = "additional_chat_templates/tool_use.jinja"
        try exported(["chat_template.jinja": plain, name: tools]) { path in
            let metadata = try GGUFFile(path: path).metadata
            #expect(metadata["tokenizer.chat_template"] == .string(plain))
            #expect(metadata["tokenizer.chat_template.tool_use"] == .string(tools))
            #expect(metadata["tokenizer.chat_templates"] == .strings(["tool_use"]))
            let files = try ModelSource(path: path).tokenizerFiles()
            #expect(files[name] == tools)
            let template = try #require(try RenderedTemplate(files: files))
            var request = RenderedTemplate.Request(
                messages: [.object([(key: "content", value: .string("hello"))])])
            #expect(try template.render(request).text == "hello")
            request.tools = .array([.null, .null])
            #expect(try template.render(request).text == "2")
        }
    }

    @Test func aTemplatesNameThatIsNoFilesIsRefused() throws {
        try TinyGGUF.withFolder { folder in
            var file = try TinyGGUF("gpt2")
            file.metadata["tokenizer.ggml.model"] = .string("gpt2")
            file.metadata["tokenizer.ggml.pre"] = .string("gpt-2")
            file.metadata["tokenizer.ggml.tokens"] = .strings(["a", "b", "c"])
            file.metadata["tokenizer.ggml.merges"] = .strings([])
            for key in ["bos_token_id", "eos_token_id"] {
                file.metadata["tokenizer.ggml." + key] = .uint32(1)
            }
            file.metadata["tokenizer.chat_template.../x"] = .string("{{ messages }}")
            try file.write(to: folder + "/x.gguf")
            let error = #expect(throws: ModelFileError.self) {
                try ModelSource(path: folder + "/x.gguf").tokenizerFiles()
            }
            let message = error.map { "\($0)" } ?? ""
            #expect(message.contains("one of letters, digits and _"), "\(message)")
        }
    }

    /// What samplers a file asks for.
    private func defaults(
        _ keys: [String: GGUFValue]
    ) throws -> (settings: SamplingSettings, taken: [String]) {
        try TinyGGUF.withFolder { folder in
            var file = try TinyGGUF("llama")
            for (key, value) in keys { file.metadata["general.sampling." + key] = value }
            try file.write(to: folder + "/x.gguf")
            return try InferenceModel(path: folder + "/x.gguf", threads: 1).samplingDefaults()
        }
    }

    @Test func samplersOfAFileAreTheDefaults() throws {
        let (settings, taken) = try defaults([
            "temp": .float32(0.6), "top_k": .int32(20), "top_p": .float32(0.95),
            "min_p": .float32(0.02), "penalty_repeat": .float32(1.05),
        ])
        #expect(settings.temperature == 0.6 && settings.topK == 20 && settings.topP == 0.95)
        #expect(settings.minP == 0.02 && settings.repetitionPenalty == 1.05)
        #expect(
            taken == [
                "temperature 0.6", "top_k 20", "top_p 0.95", "min_p 0.02",
                "repetition_penalty 1.05",
            ])
    }

    // llama.cpp takes the likeliest token at a temperature of 0 and below, and all of them at a
    // top_k below 1; a penalty that looks at no tokens is none.
    @Test func samplersThatAreSwitchedOffAreOff() throws {
        let (settings, _) = try defaults([
            "temp": .float32(-1), "top_k": .int32(-1), "min_p": .float32(-0.5),
            "top_p": .float32(1.5), "penalty_repeat": .float32(1.05), "penalty_last_n": .int32(0),
            "mirostat": .int32(0), "mirostat_tau": .float32(5), "xtc_probability": .float32(0),
        ])
        #expect(settings.temperature == 0 && settings.topK == 0 && settings.minP == 0)
        #expect(settings.topP == 1 && settings.repetitionPenalty == 1)
    }

    @Test(arguments: [
        ("mirostat", GGUFValue.int32(2)), ("xtc_probability", .float32(0.5)),
        ("sequence", .string("temperature;top_k")), ("dry_multiplier", .float32(0.8)),
    ])
    func aSamplerThatIsNotHereIsRefusedByName(_ name: String, _ value: GGUFValue) throws {
        let error = #expect(throws: ModelFileError.self) { try defaults([name: value]) }
        let message = error.map { "\($0)" } ?? ""
        #expect(
            message.contains("x.gguf: ") && message.contains("general.sampling.\(name)'"),
            "\(message)")
    }

    @Test func aPenaltyOfTheLastTokensAloneIsRefused() throws {
        let window = ["penalty_last_n": GGUFValue.int32(64)]
        _ = try defaults(window)
        let error = #expect(throws: ModelFileError.self) {
            try defaults(window.merging(["penalty_repeat": .float32(1.1)]) { $1 })
        }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("'general.sampling.penalty_last_n' is 64"), "\(message)")
    }
}
