import Configuration
import Files
import ModelFiles
import Testing

@Suite struct RopeScalingTests {
    private func applied(
        _ kind: RopeScalingKind, _ length: Int, _ text: String
    ) throws -> JSONValue {
        try JSONValueReader.read(RopeScaling(kind, length: length).applied(to: text))
    }

    /// LLaMA-Factory: factor = ceil(cutoff_len / max_position_embeddings).
    @Test(arguments: [(65, 2.0, 128), (128, 2.0, 128), (129, 3.0, 192), (640, 10.0, 640)])
    func theFactorIsTheSmallestThatMakesRoom(
        _ length: Int, _ factor: Double, _ positions: Int
    ) throws {
        let text = #"{"a": 1, "max_position_embeddings": 64, "rope_scaling": null}"#
        let value = try applied(.linear, length, text)
        #expect(value["max_position_embeddings"]?.integer == positions)
        #expect(value["rope_scaling"]?["factor"]?.double == factor)
        #expect(value["rope_scaling"]?["rope_type"]?.string == "linear")
        #expect(value["a"]?.integer == 1)
    }

    @Test func whatItDidIsTold() throws {
        let text = #"{"max_position_embeddings": 64}"#
        #expect(
            try RopeScaling(.linear, length: 129).note(on: text)
                == "rope_scaling: linear by a factor of 3: the model's 64 positions became 192, for "
                + "cutoff_len 129")
        #expect(
            try RopeScaling(.yarn, length: 64).note(on: text)
                == "rope_scaling: yarn changes nothing, since the model has 64 positions and cutoff_len "
                + "is 64")
    }

    @Test func aModelWithRoomStaysAsItIs() throws {
        let text = #"{"max_position_embeddings": 64}"#
        for length in [2, 63, 64] {
            #expect(try RopeScaling(.yarn, length: length).applied(to: text) == text)
        }
    }

    @Test func eachKindHasItsKeys() throws {
        let text = #"{"max_position_embeddings": 64, "rope_theta": 500.0}"#
        let keys = { (kind: RopeScalingKind) in
            try applied(kind, 100, text)["rope_scaling"]?.members?.map(\.key)
        }
        let common = ["rope_type", "factor"]
        #expect(try keys(.linear) == common)
        #expect(try keys(.yarn) == common + ["original_max_position_embeddings"])
        #expect(try keys(.dynamic) == common + ["original_max_position_embeddings"])
        let llama = try applied(.llama3, 100, text)
        #expect(llama["rope_scaling"]?["low_freq_factor"]?.double == 1)
        #expect(llama["rope_scaling"]?["high_freq_factor"]?.double == 4)
        #expect(llama["rope_scaling"]?["original_max_position_embeddings"]?.integer == 64)
        #expect(llama["rope_theta"]?.double == 500)
    }

    @Test func parametersOfTransformers5KeepTheirBase() throws {
        let text =
            #"{"max_position_embeddings": 64, "rope_parameters": {"#
            + #""rope_type": "default", "rope_theta": 500.0}}"#
        let value = try applied(.linear, 100, text)
        #expect(value["rope_parameters"]?["rope_theta"]?.double == 500)
        #expect(value["rope_parameters"]?["factor"]?.double == 2)
        #expect(value["rope_scaling"] == nil)
    }

    @Test(arguments: [
        #"{"n_positions": 64}"#,
        #"{"max_position_embeddings": 64, "rope_scaling": {"type": "yarn", "factor": 4.0}}"#,
        #"{"max_position_embeddings": 64, "rope_parameters": {"full_attention": {"a": 1}}}"#,
    ])
    func whatCannotBeStretchedIsRefused(_ text: String) {
        #expect(throws: ModelFileError.self) {
            try RopeScaling(.linear, length: 100).applied(to: text)
        }
    }
}
