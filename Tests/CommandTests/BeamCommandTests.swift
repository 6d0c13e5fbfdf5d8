import Foundation
import TestSupport
import Testing

/// Beam search in predictions, `generate` and `chat`.
@Suite struct BeamCommandTests {
    private struct Reference: Decodable { let predictions: [String] }
    private struct Line: Decodable { let predict: String }

    private func expected() throws -> [String] {
        try JSONDecoder().decode(
            Reference.self,
            from: Data(contentsOf: References.folder.appendingPathComponent("beams/searches.json"))
        ).predictions
    }

    @Test(arguments: [
        ["num_beams=3"], ["eval_num_beams=3"], ["generation_num_beams=3", "eval_num_beams=3"],
    ])
    func predictionsAreThoseOfTransformers(_ beams: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let texts = try expected()
        for ranks in [1, 2] {
            try folder.tuneToEnd(
                output: "out\(ranks)", ranks: ranks,
                beams + [
                    "do_train=false", "eval_dataset=rows", "predict_with_generate=true",
                    "do_predict=true", "do_sample=false", "max_new_tokens=12",
                    "length_penalty=0.5", "per_device_eval_batch_size=3",
                ])
            let data = try folder.data("out\(ranks)/generated_predictions.jsonl")
            let lines = try String(decoding: data, as: UTF8.self).split(separator: "\n").map {
                try JSONDecoder().decode(Line.self, from: Data($0.utf8)).predict
            }
            #expect(lines == texts)
        }
    }

    @Test(arguments: [
        (["num_beams=3"], "num_beams, do_sample: drawing among beams is not supported"),
        (
            ["num_beams=3", "eval_num_beams=2", "do_sample=false"],
            "num_beams, eval_num_beams: a run has one number of beams; keep one of the keys"
        ),
        (["num_beams=0"], "num_beams: found the number 0"),
    ])
    func settingsThatDoNotGoTogetherAreRefused(_ settings: [String], _ message: String) throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tune(settings + ["predict_with_generate=true", "val_size=2"])
        #expect(run.status == 2 && run.says(message), "\(run.errors)")
        #expect(!folder.exists("out"))
    }

    private static let generate = [
        "generate", "--model", "model", "--prompt", "Red", "--max-new-tokens", "12",
        "--threads", "1",
    ]

    @Test func generateAndChatSearchAsTheyAreToldOrAsTheModelsFileSays() throws {
        let folder = try TrialFolder.finetuning()
        func generate(_ options: [String]) throws -> LockstepRun {
            try folder.run(Self.generate + options)
        }
        func chat(_ settings: [String]) throws -> LockstepRun {
            try folder.run(
                ["chat", "--model", "model", "template=chatml", "max_new_tokens=12"] + settings,
                input: "Name the capital of France.\n")
        }
        let greedy = try (generate(["--temperature", "0"]), chat(["temperature=0"]))
        let told = try (
            generate(["--temperature", "0", "--num-beams", "4", "--length-penalty", "0"]),
            chat(["do_sample=false", "num_beams=4", "length_penalty=0"])
        )
        #expect(told.0.status == 0 && told.1.status == 0, "\(told.0.errors) \(told.1.errors)")
        #expect(told.0.output != greedy.0.output && told.1.output != greedy.1.output)
        try folder.write(
            "model/generation_config.json",
            "{\"eos_token_id\": 2, \"num_beams\": 4, \"length_penalty\": 0.0}")
        let filed = try (generate([]), chat([]))
        #expect(filed.0.output == told.0.output && filed.1.output == told.1.output)
        for run in [filed.0, filed.1] {
            #expect(
                run.messages == ["generation_config.json gives num_beams 4, length_penalty 0.0"],
                "\(run.errors)")
        }
        #expect(try generate(["--num-beams", "1"]).output == greedy.0.output)
    }

    @Test func drawingAmongBeamsIsRefused() throws {
        let folder = try TrialFolder.finetuning()
        for options in [["--num-beams", "2"], ["--num-beams", "2", "--temperature", "0.5"]] {
            let run = try folder.run(Self.generate + options)
            #expect(run.status == 2 && run.output.isEmpty)
            #expect(run.says("2 beams (num_beams) and drawing at temperature 0."), "\(run.errors)")
        }
        let chat = try folder.run(
            ["chat", "--model", "model", "template=chatml", "num_beams=2"], input: "a\n")
        #expect(chat.status == 2 && chat.says("2 beams (num_beams) and drawing"))
        let none = try folder.run(Self.generate + ["--num-beams", "0"])
        #expect(none.status == 2 && none.says("--num-beams: found 0, expected 1 to 1000"))
    }
}
