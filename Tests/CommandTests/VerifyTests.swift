import Checkpoints
import Foundation
import Testing

@Suite struct VerifyTests {
    private static func checkpoint() throws -> TrialFolder {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        try folder.trainToEnd([
            "max_steps=2", "tokenizer_name_or_path=tokenizer", "precision=fp16",
        ])
        return folder
    }

    @Test func inspectTellsWhatACheckpointHolds() throws {
        let folder = try Self.checkpoint()
        let run = try folder.run(["inspect", "out/checkpoint-2.h5", "--verify"])
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        for text in [
            "checkpoint of step 2", "model llama, 24736 parameters in 21 arrays",
            "optimizer adamw after 2 updates", "loss scale 65536.0 after 2 good steps",
            "data 24 samples of 16 tokens consumed, 384 tokens seen",
            "tokenizer file tokenizer.json", "model.embed_tokens.weight  96 × 32  12288 bytes",
            "verified: every dataset agrees with its checksum",
        ] {
            #expect(run.output.contains(text), "\(text)")
        }
    }

    @Test func aFolderInPlaceOfACheckpointIsNamed() throws {
        let folder = try TrialFolder()
        try folder.write("out/config.json", "{}")
        let run = try folder.run(["inspect", "out"])
        #expect(run.status == 2)
        #expect(run.messages == ["'out' is a folder; expected a checkpoint-N.h5 in it"])
    }

    @Test func aFlippedByteInAnyDatasetIsCaught() throws {
        let folder = try Self.checkpoint()
        let sound = try folder.data("out/checkpoint-2.h5")
        let state = try folder.state(step: 2)
        var needles: [(String, Data)] = []
        for (group, arrays) in [
            ("model", state.model), ("first", state.firstMoment), ("second", state.secondMoment),
        ] {
            for array in arrays {
                let bytes = array.values.prefix(64).withUnsafeBytes { Data($0) }
                // Norms begin as ones, which stand in several places.
                if array.values.contains(where: { $0 != array.values[0] }) {
                    needles.append(("\(group) \(array.name)", bytes))
                }
            }
        }
        #expect(needles.count > 60)
        let texts = state.metadata
        needles.append(("tokenizer", Data((texts.tokenizer["tokenizer.json"] ?? "?").utf8)))
        needles.append(("configuration", Data(texts.configuration.utf8)))
        needles.append(("model configuration", Data(texts.modelConfiguration.utf8)))
        for (name, bytes) in needles {
            let place = try #require(sound.range(of: bytes), "\(name) is not in the file as it is")
            var damaged = sound
            damaged[place.lowerBound + bytes.count / 2] ^= 0x10
            try folder.write("damaged.h5", damaged)
            let problems = CheckpointInspection(path: folder.full("damaged.h5")).verify()
            #expect(!problems.isEmpty, "\(name)")
        }
        // The command says the same as the room.
        let run = try folder.run(["inspect", "damaged.h5", "--verify"])
        #expect(run.status == 2)
        #expect(run.messages.count == 1)
        #expect(run.messages.first?.contains("in damaged.h5 is damaged: its bytes give") == true)
    }

    @Test func aTruncatedFileIsCaughtAtAnyLength() throws {
        let folder = try Self.checkpoint()
        let sound = try folder.data("out/checkpoint-2.h5")
        for length in [0, 1, 100, 4096, sound.count / 2, sound.count - 1] {
            try folder.write("short.h5", sound.prefix(length))
            let run = try folder.run(["inspect", "short.h5", "--verify"])
            #expect(run.status == 2 && run.messages.count == 1, "\(length): \(run.errors)")
        }
    }
}
