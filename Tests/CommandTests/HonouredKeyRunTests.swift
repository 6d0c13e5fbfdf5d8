import Foundation
import Testing

/// Keys whose effect only a run shows, beside those of KeysChangeRunsTests.
@Suite struct HonouredKeyRunTests {
    // The scale of these runs overflows until it has been halved several times.
    @Test func theScaleIsHalvedByTheLastOfSoManyOverflows() throws {
        let folder = try TrialFolder()
        let settings = [
            "precision=fp16", "loss_scale_init=134217728", "max_steps=8", "save_strategy=no",
        ]
        for (hysteresis, expected) in [
            (1, [27, 26, 25, 24]), (2, [27, 27, 26, 25]), (3, [27, 27, 27, 26]),
        ] {
            let output = "out\(hysteresis)"
            try folder.trainToEnd(
                output: output, settings + ["loss_scale_hysteresis=\(hysteresis)"])
            let scales = try folder.log(output).compactMap(\.lossScale).prefix(4)
            #expect(scales.map { Int(log2($0)) } == expected, "\(hysteresis)")
        }
    }

    @Test func activationsAreComputedAgainOrKeptAsTheirKeysSay() throws {
        let folder = try TrialFolder()
        let again = "activations are computed again in backward (gradient_checkpointing)"
        for (settings, isAgain) in [
            ([], false), (["disable_gradient_checkpointing=true"], false),
            (["disable_gradient_checkpointing=false"], true),
            (["gradient_checkpointing=true"], true),
        ] as [([String], Bool)] {
            let run = try folder.train(
                ["max_steps=1", "save_strategy=no", "overwrite_output_dir=true"] + settings)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.says(again) == isAgain, "\(settings)")
            #expect(run.says("activations are kept") != isAgain, "\(settings)")
        }
    }

    /// Two layers of 25 thousand parameters are 99 kB of gradients.
    @Test func bucketsAreAsLargeAsTheirKeySays() throws {
        let folder = try TrialFolder()
        let measured = try folder.run(
            ["plan", "run.yaml", "--steps", "1", "--save-constants", "c.json"])
        try #require(measured.status == 0, "\(measured.errors)")
        for (size, words) in [("25", "MB in 1 buckets, summed "), ("0.05", " buckets, summed ")] {
            let run = try folder.run(
                ["plan", "run.yaml", "--constants", "c.json", "bucket_mb=\(size)"])
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains(words), "\(run.output)")
            #expect(run.output.contains("in 1 buckets") == (size == "25"), "\(run.output)")
        }
    }

    // MARK: Words

    /// Rouge counts words: with a dictionary those that it names, else single characters.
    @Test func aDictionarySaysWhatTheWordsOfPredictionsAre() throws {
        let folder = try TrialFolder.finetuning()
        try folder.add("predictions/adapter", as: "adapter")
        try folder.write("dict.txt", "曹雪芹 100 nr\n早上好 100 l\n")
        let settings = [
            "predict_with_generate=true", "do_predict=true", "do_sample=false",
            "max_new_tokens=12", "do_train=false", "eval_dataset=rows",
            "adapter_name_or_path=adapter",
        ]
        var scores: [Double] = []
        for (output, more) in [
            ("plain", []), ("words", ["segmentation_dictionary=dict.txt"]),
        ] as [(String, [String])] {
            let run = try folder.tuneToEnd(output: output, settings + more)
            let text = try JSONSerialization.jsonObject(
                with: folder.data(output + "/all_results.json"))
            let results = try #require(text as? [String: Any])
            scores.append(try #require(results["predict_rouge-1"] as? Double))
            #expect(run.says("segmentation_dictionary") == more.isEmpty, "\(run.errors)")
        }
        let predictions = try ["plain", "words"].map {
            try folder.data($0 + "/generated_predictions.jsonl")
        }
        #expect(predictions[0] == predictions[1])
        // Of 曹雪芹 one character of three is predicted, but not the word.
        #expect(scores[1] < scores[0] - 0.1, "\(scores)")
        let missing = try folder.tune(
            output: "none", settings + ["segmentation_dictionary=other.txt"])
        #expect(missing.status == 2 && missing.says("other.txt"), "\(missing.errors)")
    }

    // MARK: Terminal

    /// What a run writes to a terminal.
    private func screen(_ folder: TrialFolder, _ settings: [String]) throws -> String {
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        // TIOCSPTLCK unlocks the other side, TIOCGPTN tells its number; asm-generic/ioctls.h.
        var (lock, number) = (Int32(0), Int32(0))
        let isOpen = ioctl(terminal, 0x4004_5431, &lock) == 0
        let isKnown = ioctl(terminal, 0x8004_5430, &number) == 0
        try #require(isOpen && isKnown)
        let screen = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        try #require(screen >= 0)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("lockstep")
        process.arguments = TrialFolder.trainArguments(
            ranks: 1, output: "out-\(UUID().uuidString)",
            ["max_steps=3", "save_strategy=no"] + settings)
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.standardError = FileHandle(fileDescriptor: screen, closeOnDealloc: false)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        close(screen)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(terminal, &buffer, buffer.count)
            // The end is an error where the other side has closed.
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        process.waitUntilExit()
        close(terminal)
        #expect(process.terminationStatus == 0)
        return String(decoding: text, as: UTF8.self)
    }

    @Test(arguments: [true, false])
    func aTerminalGetsABarUnlessItIsDisabled(isDisabled: Bool) throws {
        let text = try screen(TrialFolder(), ["disable_tqdm=\(isDisabled)"])
        #expect(text.contains("\u{1B}[K") != isDisabled, "\(text)")
        #expect(text.contains("step 2/3 | loss ") == isDisabled, "\(text)")
        #expect(text.contains("done: 3 steps"))
    }

    // MARK: Export and prepare

    /// The most threads that a command was seen with. What is looked at now and then may be missed on
    /// a busy machine, so a command that should have many is made again until they are seen.
    private func threads(
        _ folder: TrialFolder, _ command: [String], _ count: Int, _ output: String
    ) throws -> Int {
        let arguments = command + ["threads_per_rank=\(count)"]
        var most = try threads(folder, arguments + [output])
        for attempt in 1..<6 where count > 1 && most < count {
            most = max(most, try threads(folder, arguments + [output + String(attempt)]))
        }
        return most
    }

    private func threads(_ folder: TrialFolder, _ arguments: [String]) throws -> Int {
        let process = try folder.start(arguments)
        var most = 0
        _ = process.wait {
            guard let id = process.ranks.first else { return false }
            let tasks = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")
            most = max(most, tasks?.count ?? 0)
            return false
        }
        let run = try process.finish()
        #expect(run.status == 0, "\(run.errors)")
        return most
    }

    @Test func exportHasTheThreadsThatItsKeySays() throws {
        let folder = try TrialFolder()
        // Large enough that writing it takes a while.
        try folder.write(
            "llama/config.json",
            TrialFolder.llama(["vocab_size": 16384, "hidden_size": 256, "num_hidden_layers": 1]))
        try folder.trainToEnd(["max_steps=1", "per_device_train_batch_size=1"])
        try folder.write("export.yaml", "model_name_or_path: out/checkpoint-1.h5\n")
        let command = ["export", "export.yaml", "export_gguf=f16"]
        let few = try threads(folder, command, 1, "export_dir=few")
        let many = try threads(folder, command, 40, "export_dir=many")
        #expect(few < 30 && many >= 40, "\(few) \(many)")
        #expect(
            try folder.data("few/model.safetensors") == folder.data("many/model.safetensors"))
    }

    @Test func prepareHasTheThreadsThatItsKeySays() throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        try folder.write("run.yaml", TokenizerSample.settings)
        let text = TokenizerSample.documents().joined(separator: "\n")
        try folder.write("text.txt", String(repeating: text + "\n", count: 60))
        let command = ["prepare", "run.yaml", "dataset=text.txt"]
        let few = try threads(folder, command, 1, "tokenized_path=few")
        let many = try threads(folder, command, 40, "tokenized_path=many")
        #expect(few < 30 && many >= 40, "\(few) \(many)")
        #expect(folder.names("few") == folder.names("many"))
        for name in folder.names("few") {
            #expect(try folder.data("few/" + name) == folder.data("many/" + name), "\(name)")
        }
    }

    /// An adapter is merged into the weights as they are, though it was trained beside rounded ones.
    @Test func exportPassesOverTheBitsOfTheBase() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["quantization_bit=4", "lora_target=q_proj", "max_steps=3"])
        try folder.write("export.yaml", "model_name_or_path: model\nadapter_name_or_path: out\n")
        for (output, more) in [("plain", []), ("bits", ["quantization_bit=4"])]
            as [(String, [String])]
        {
            let run = try folder.run(["export", "export.yaml", "export_dir=\(output)"] + more)
            #expect(run.status == 0, "\(run.errors)")
        }
        let weights = try folder.data("plain/model.safetensors")
        #expect(try folder.data("bits/model.safetensors") == weights)
        let (base, merged) = (
            try EditableTensors(folder.data("model/model.safetensors")).tensors,
            try EditableTensors(weights).tensors
        )
        // What no adapter touches is what the folder has, not what four bits hold of it.
        for (name, tensor) in base {
            #expect((tensor == merged[name]) == !name.contains("q_proj"), "\(name)")
        }
    }
}
