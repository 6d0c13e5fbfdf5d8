import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

/// Folders of sentence-transformers, against its vectors (scripts/references/sentence_folders.py).
@Suite struct SentenceFolderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let files: [String: String]
        let vectors: [[Float]]

        var testDescription: String { name }
    }

    private static let place = References.folder.appending(path: "sentence_folders")
    private static let json = (try? Data(contentsOf: place.appending(path: "folders.json")))
        .flatMap { try? JSONValueReader.read([UInt8]($0)[...]) }
    static let texts = (json?["texts"]?.array ?? []).compactMap(\.string)
    static let cases = (json?["cases"]?.array ?? []).map { one in
        Case(
            name: one["name"]?.string ?? "",
            files: Dictionary(
                (one["files"]?.members ?? []).map { ($0.key, $0.value.text()) }
            ) { $1 },
            vectors: (one["vectors"]?.array ?? []).map { row in
                (row.array ?? []).compactMap { $0.double.map(Float.init) }
            })
    }

    /// A folder of the reference's model with files beside it or instead of its own.
    private func folder(_ files: [String: String]) throws -> TestFolder {
        let folder = TestFolder()
        for name in [
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
            "2_Dense/model.safetensors",
        ] {
            let data = try Data(contentsOf: Self.place.appending(path: "model/" + name))
            folder.write(name, [UInt8](data))
        }
        for (name, text) in files { folder.write(name, text) }
        return folder
    }

    // Vectors are of order 1; one layer of float32.
    @Test(arguments: cases)
    func vectorsAreThoseOfSentenceTransformers(_ one: Case) throws {
        let folder = try folder(one.files)
        let model = try SentenceModel(path: folder.path, threads: 1)
        for (text, expected) in zip(Self.texts, one.vectors) {
            let found = try model.embedding(of: text, "a text")
            try #require(found.count == expected.count, "\(text)")
            for (a, b) in zip(found, expected) { #expect(abs(a - b) < 2e-5, "\(text): \(a), \(b)") }
        }
    }

    // Products of other extents, in float32.
    @Test func textsTogetherHaveTheVectorsOfEachAlone() throws {
        let folder = try folder(Self.cases[0].files)
        let model = try SentenceModel(path: folder.path, threads: 1)
        var texts = try (Self.texts + Self.texts.reversed()).map {
            (marked: try model.marked($0, "a text"), document: "a text")
        }
        // One with a token that only fills up.
        texts[1].marked.mask = texts[1].marked.ids.indices.map { $0 == 3 ? 0 : 1 }
        let together = try model.embeddings(of: texts)
        for (text, found) in zip(texts, together) {
            let alone = try model.embeddings(of: [text])[0]
            for (a, b) in zip(found, alone) { #expect(abs(a - b) < 1e-6) }
        }
        #expect(together[1] != together[4])
    }

    @Test func rowsHoldEachTextOnceAndNoMoreThanTheyMay() {
        let lengths = (0..<100).map { 1 + $0 * 37 % 61 } + [500, 90]
        let rows = PackedTexts.rows(ofLengths: lengths, capacity: 128, longest: 80)
        #expect(rows.flatMap { $0 }.sorted() == Array(lengths.indices))
        for row in rows where row.count > 1 {
            #expect(row.reduce(0) { $0 + lengths[$1] } <= 128)
            #expect(row.allSatisfy { lengths[$0] <= 80 })
        }
        #expect(rows.contains([100]) && rows.contains([101]) && rows.count < 40)
    }

    @Test func theReferenceHasCasesThatDiffer() {
        #expect(Self.cases.count == 26 && Self.texts.count == 3)
        #expect(Set(Self.cases.map(\.vectors)).count > 15)
    }

    private static let modules =
        """
        [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"},
         {"path": "2_Dense", "type": "x.Dense"}, {"path": "3_Normalize", "type": "x.Normalize"}]
        """
    private static let whole = [
        "modules.json": modules, "1_Pooling/config.json": "{\"pooling_mode\": \"mean\"}",
        "2_Dense/config.json": "{\"in_features\": 8, \"out_features\": 5}",
    ]

    @Test(arguments: [
        ("3_Normalize/config.json", #"{"module_input_name": "token_embeddings"}"#, "module_input"),
        ("3_Normalize/config.json", #"{"p": 1}"#, "unknown key 'p'"),
        (
            "2_Dense/config.json",
            #"{"in_features": 8, "out_features": 5, "use_residual": true}"#,
            "'use_residual' is true"
        ),
        (
            "2_Dense/config.json", #"{"in_features": 8, "out_features": 5, "bias": "no"}"#,
            "bias: found text \"no\", expected true or false"
        ),
        (
            "2_Dense/config.json",
            #"{"in_features": 8, "out_features": 5, "activation_function": "torch.nn.ELU"}"#,
            "activation_function: found text \"torch.nn.ELU\", supported"
        ),
        (
            "2_Dense/config.json",
            #"{"in_features": 8, "out_features": 5, "activation_function": 3}"#,
            "activation_function: found 3"
        ),
        ("2_Dense/config.json", #"{"in_features": 8, "out_features": 7}"#, "linear.weight"),
        ("sentence_bert_config.json", #"{"max_seq_length": "128"}"#, "max_seq_length: found text"),
        ("sentence_bert_config.json", #"{"max_seq_length": 0}"#, "max_seq_length: found 0"),
        ("sentence_xlnet_config.json", #"{"max_seq_length": -1}"#, "max_seq_length: found -1"),
        ("sentence_bert_config.json", #"{"do_lower_case": 1}"#, "do_lower_case: found 1"),
        ("sentence_bert_config.json", #"{"tokenizer_args": {"x": 1}}"#, "'tokenizer_args'"),
        (
            "sentence_bert_config.json",
            #"{"modality_config": {"message": {"method": "forward"}}}"#, "'modality_config' is"
        ),
        (
            "sentence_bert_config.json",
            #"{"modality_config": {"text": {"method": "get_text_features"}}}"#,
            "'modality_config' is"
        ),
        (
            "config_sentence_transformers.json",
            #"{"default_prompt_name": "q", "prompts": {"d": "x"}}"#, "default_prompt_name: found"
        ),
        ("config_sentence_transformers.json", #"{"truncate_dim": 0}"#, "truncate_dim: found 0"),
        (
            "config_sentence_transformers.json", #"{"model_type": "SparseEncoder"}"#,
            "'model_type' is"
        ),
        ("config_sentence_transformers.json", #"{"pooled": 1}"#, "unknown key 'pooled'"),
        ("1_Pooling/config.json", #"{"pooling_mode": "attention"}"#, "pooling_mode: found"),
        ("1_Pooling/config.json", #"{"pooling_mode": ["mean", 1]}"#, "pooling_mode: found 1"),
        ("1_Pooling/config.json", #"{"pooling_mode": []}"#, "no way of pooling"),
        ("1_Pooling/config.json", #"{"pooling_mode_mean_tokens": "yes"}"#, "found text \"yes\""),
        ("1_Pooling/config.json", #"{"pooling_mode_mean_tokens": false}"#, "no way of pooling"),
        ("1_Pooling/config.json", #"{"include_prompt": 0}"#, "include_prompt: found 0"),
        ("1_Pooling/config.json", #"{"pooling_mode_first": true}"#, "'pooling_mode_first'"),
        ("modules.json", #"[{"path": "", "type": "x.Transformer"}]"#, "then one Pooling"),
        ("modules.json", #"[{"path": "", "type": "x.LSTM"}]"#, "module x.LSTM is not"),
        ("modules.json", #"[{"path": "", "type": "x.Transformer", "p": 1}]"#, "unknown key 'p'"),
        ("modules.json", #"[{"path": ""}]"#, "without type or path"),
        ("modules.json", "[3]", "without type or path"),
        ("modules.json", "{}", "expected a list"),
    ])
    func whatCannotBeUsedIsNamed(_ file: String, _ text: String, _ words: String) throws {
        let folder = try folder(Self.whole.merging([file: text]) { $1 })
        do throws(ModelFileError) {
            _ = try SentenceFolder(folder.path)
            Issue.record("\(file) \(text) is read")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
        }
    }

    @Test func theWholeFolderOfTheRefusedOnesIsRead() throws {
        let folder = try folder(Self.whole)
        let model = try SentenceModel(path: folder.path, threads: 1)
        #expect(try model.embedding(of: "the dog", "a text").count == 5)
    }

    @Test func aPlainFolderKeepsToItsTokenizersLimit() throws {
        let limited = try folder([:])
        let text = String(decoding: limited.bytes("tokenizer_config.json"), as: UTF8.self)
        let value = try JSONValueReader.read(text)
        limited.write(
            "tokenizer_config.json", value.setting("model_max_length", to: .int(9)).text())
        let reference = try #require(Self.cases.first { $0.name == "model_max_length" })
        let model = try SentenceModel(path: limited.path, threads: 1)
        for (text, expected) in zip(Self.texts, reference.vectors) {
            let found = try model.embedding(of: text, "a text")
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 2e-5 }, "\(text)")
        }
    }

    /// sentence-transformers 6.2.0 with tokenizers 0.23.3 gives these ids for the case do_lower_case: added
    /// tokens keep their letters (scripts/references/sentence_literals.py).
    @Test func specialTokensInTextsAreNotLowercased() throws {
        let lowering = try #require(Self.cases.first { $0.name == "do_lower_case" })
        let folder = try folder(lowering.files)
        let model = try SentenceModel(path: folder.path, threads: 1)
        for (text, ids) in [
            ("The [MASK] DOG", [2, 5, 4, 7, 3]), ("[mask] Dog [SEP]Cat", [2, 1, 1, 1, 7, 3, 8, 3]),
            ("THE [CLS] cat", [2, 5, 2, 8, 3]),
        ] as [(String, [Int32])] {
            #expect(try model.marked(text, "a text").ids == ids, "\(text)")
        }
    }

    private static let poolings = [
        "modules.json": """
        [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]
        """,
        "1_Pooling/config.json": "{\"pooling_mode\": \"mean\"}",
        "sentence_bert_config.json": "{\"max_seq_length\": 900}",
    ]

    /// A decoder with rotary positions whose config.json says 700: sentence-transformers 6.2.0 reads 900 of
    /// the text's 2553 tokens, and its vector begins with these numbers, computed in float64
    /// (scripts/references/sentence_literals.py).
    @Test func theFoldersLengthCountsBeyondAModelsPositions() throws {
        let folder = TestFolder()
        for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
        {
            let place = References.folder.appending(path: "evaluation/model/" + name)
            folder.write(name, [UInt8](try Data(contentsOf: place)))
        }
        for (name, text) in Self.poolings { folder.write(name, text) }
        let model = try SentenceModel(path: folder.path, threads: 1)
        let text = (0..<400).map { "river \($0)" }.joined(separator: " ")
        let marked = try model.marked(text, "a text")
        #expect(marked.ids.count == 900)
        let vector = try model.embedding(of: text, "a text")
        let expected: [Float] = [
            -0.7682655, 0.5540880, 0.5687039, 0.9295524, -0.4248081, 0.1023360, -0.4695785,
            -0.1115324,
        ]
        // Means of 900 states of order 1 in float32, behind two layers.
        for (a, b) in zip(vector, expected) { #expect(abs(a - b) < 1e-4, "\(a), \(b)") }
    }

    /// sentence-transformers 6.2.0 fails there, too: the table of positions has 16 rows
    /// (scripts/references/sentence_literals.py).
    @Test func aTextBeyondATableOfPositionsIsRefused() throws {
        let folder = try folder(Self.poolings)
        let model = try SentenceModel(path: folder.path, threads: 1)
        #expect(try model.embedding(of: "the dog", "a text").count == 8)
        let error = #expect(throws: ModelFileError.self) {
            try model.embedding(of: Self.texts[1], "a text")
        }
        #expect(
            error?.description.contains("tokens, but the model has 16 positions") == true,
            "\(String(describing: error))")
    }

    private func vector(_ last: String, _ files: [String: String]) throws -> [Float] {
        let modules = """
            [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}, \(last)]
            """
        let folder = try folder(
            Self.poolings.merging(["modules.json": modules, "sentence_bert_config.json": "{}"]) {
                $1
            }
            .merging(files) { $1 })
        folder.write("2_LayerNorm/model.safetensors", Self.norms)
        return try SentenceModel(path: folder.path, threads: 1).embedding(
            of: "the dog sees a cat", "a")
    }

    /// norm.weight: 0.25 to 2 in steps of 0.25; norm.bias: 0.5 and -0.5 in turn.
    private static let norms: [UInt8] = {
        var header =
            #"{"norm.weight":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"#
            + #""norm.bias":{"dtype":"F32","shape":[8],"data_offsets":[32,64]}}"#
        while header.utf8.count % 8 != 0 { header += " " }
        let numbers = (1...8).map { Float($0) / 4 } + (0..<8).map { $0 % 2 == 0 ? 0.5 : -0.5 }
        func little(_ number: UInt64, _ bytes: Int) -> [UInt8] {
            (0..<bytes).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        return little(UInt64(header.utf8.count), 8) + Array(header.utf8)
            + numbers.flatMap { little(UInt64($0.bitPattern), 4) }
    }()

    /// sentence-transformers 6.2.0 with torch 2.13.0, in float64
    /// (scripts/references/sentence_literals.py).
    @Test(
        arguments: [
            ("ReLU", [0.6231261, 0, 0, 3.3653774, 0]),
            ("GELU", [0.4570002, -0.1651248, -0.1469584, 3.3640912, -0.1618884]),
            ("Sigmoid", [0.6509292, 0.2871419, 0.3892178, 0.9666048, 0.3617023]),
            ("SiLU", [0.4056110, -0.2610998, -0.1753821, 3.2529899, -0.2054408]),
            ("Tanh", [0.5533009, -0.7207989, -0.4223932, 0.9976156, -0.5138766]),
        ] as [(String, [Float])])
    func aDenseModulesActivationIsTorchs(_ name: String, _ expected: [Float]) throws {
        let found = try vector(
            #"{"path": "2_Dense", "type": "x.Dense"}, {"path": "3_Dropout", "type": "x.Dropout"}"#,
            [
                "2_Dense/config.json": "{\"in_features\": 8, \"out_features\": 5, "
                    + "\"activation_function\": \"torch.nn.modules.activation.\(name)\"}",
                "3_Dropout/config.json": "{\"dropout\": 0.3}",
            ])
        try #require(found.count == 5)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 2e-5, "\(a), \(b)") }
    }

    /// sentence-transformers 6.2.0 with torch 2.13.0, in float64
    /// (scripts/references/sentence_literals.py).
    @Test func aNormOverTheVectorIsTorchs() throws {
        let found = try vector(
            #"{"path": "2_LayerNorm", "type": "x.LayerNorm"}"#,
            ["2_LayerNorm/config.json": "{\"dimension\": 8}"])
        let expected: [Float] = [
            0.8375985, -0.3387459, 0.5331115, -1.3693598, -0.7934138, -0.9454788, 3.4102952,
            -2.8580003,
        ]
        try #require(found.count == 8)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 2e-5, "\(a), \(b)") }
    }
}
