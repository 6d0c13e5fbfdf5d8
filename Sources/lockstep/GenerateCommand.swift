import ArgumentParser
import Configuration
import Foundation
import Generation
import ModelFiles
import Tokenizers
import Training

/// `lockstep generate --model PATH --prompt TEXT`
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continues a text; the continuation goes to stdout.",
        discussion: """
            An encoder-decoder reads the text and writes another. An encoder fills the masks of the text ("The [MASK] barks."): the text goes to stdout, the \
            likeliest tokens of each mask to stderr.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The text to continue.")
    var prompt: String

    @Option(
        help: """
            At most so many new tokens. Unless given, as max_new_tokens or max_length of the model's \
            generation_config.json says. (else: 256)
            """)
    var maxNewTokens: Int?

    @Option(
        help: """
            0 always takes the likeliest token. Like the four that follow, unless given, as the \
            model's generation_config.json says, else 0.95.
            """)
    var temperature: Double?

    @Option(help: "Choose among so many of the likeliest; 0 means all. (else: 50)")
    var topK: Int?

    @Option(help: "Choose among the likeliest that together have this probability. (else: 0.7)")
    var topP: Double?

    @Option(help: "Above 1, tokens that occurred before become less likely. (else: 1.0)")
    var repetitionPenalty: Double?

    @Option(
        help: """
            Only tokens with at least this share of the likeliest one's probability. (else: 0.0)
            """)
    var minP: Double?

    @Option(
        help: """
            Follow so many beginnings at once and take the likeliest text; with --temperature 0. \
            (else: 1)
            """)
    var numBeams: Int?

    @Option(
        help: """
            With several beams, the power of its length that a text's log-probability is divided \
            by. (else: 1.0)
            """)
    var lengthPenalty: Double?

    @Option(help: "The same seed gives the same text.")
    var seed: UInt64 = 42

    @Option(name: .customLong("stop"), help: "A text that ends the continuation; may be repeated.")
    var stops: [String] = []

    @Flag(help: "Say on stderr how fast tokens came.")
    var timing = false

    func run() throws {
        do throws(TrainingError) {
            try check()
            let inference = try model.load()
            guard let tokenizer = inference.tokenizer else {
                throw .user("the model \(model.path) has no tokenizer.json")
            }
            var ids = tokenizer.encode(prompt, addSpecialTokens: true)
            if inference.model.description.kind == .encoder {
                return try fillMasks(ids, inference, tokenizer)
            }
            if ids.isEmpty {
                guard let first = tokenizer.beginOfText ?? tokenizer.endOfText else {
                    throw .user("--prompt is empty and the tokenizer has no token to begin with")
                }
                ids = [first]
            }
            try ofModelFiles { () throws(ModelFileError) in
                try inference.check(ids, of: "--prompt")
            }
            let description = inference.model.description
            if description.hasFixedPositions, ids.count >= description.maximumPositions {
                throw .user(
                    "--prompt has \(ids.count) tokens, but the model has "
                        + "\(description.maximumPositions) positions; shorten it")
            }
            let (settings, length) = try settings(inference)
            let before = inference.tokensBefore(ids.count)
            if let problem = length.problem(after: before) {
                throw .user("--prompt: \(problem); give --max-new-tokens")
            }
            let count = length.count(after: before)
            let output = TextOutput()
            var stream = TokenTextStream(tokenizer, skipsSpecialTokens: true, stops: stops)
            var rate = GenerationRate()
            func take(_ token: Int32) -> Bool {
                rate.count()
                return output.write(stream.append(token)) && !stream.isStopped
            }
            var end = GenerationEnd.count
            if settings.beams.count > 1 {
                _ = inference.searched(
                    after: ids, count: count, settings, ends: inference.endTokens
                ).allSatisfy(take)
            } else {
                end = inference.model.generate(
                    after: ids, count: count, sampler: Sampler(settings),
                    ends: inference.endTokens, computeType: inference.computeType,
                    in: inference.workspace, take)
            }
            output.write(stream.finish() + "\n")
            if end == .contextFull {
                Failure.say("the model's \(description.maximumPositions) positions are used up")
            }
            if timing { Failure.say(rate.text(prompt: ids.count)) }
        } catch {
            Failure.end(error)
        }
    }

    private func fillMasks(
        _ ids: [Int32], _ inference: InferenceModel, _ tokenizer: any Tokenizer
    ) throws(TrainingError) {
        let drawing = [
            ("--temperature", temperature != nil), ("--top-k", topK != nil),
            ("--top-p", topP != nil), ("--repetition-penalty", repetitionPenalty != nil),
            ("--min-p", minP != nil), ("--num-beams", numBeams != nil),
            ("--length-penalty", lengthPenalty != nil), ("--stop", !stops.isEmpty),
        ]
        if let (name, _) = drawing.first(where: { $0.1 }) {
            throw .user("\(name) is not used with an encoder, which fills masks; leave it out")
        }
        guard let mask = tokenizer.mask else {
            throw .user(
                "the tokenizer of \(model.path) has no mask_token, so no place can be filled")
        }
        let filling = try ofModelFiles { () throws(ModelFileError) in
            try MaskFilling(ids, mask: mask, count: 5, of: "--prompt", by: inference)
        }
        print(tokenizer.decode(filling.ids, skipSpecialTokens: true))
        for (number, candidates) in filling.candidates.enumerated() {
            let words = candidates.map {
                let share = String(format: "%.3f", $0.probability)
                return "\(tokenizer.token(of: $0.id) ?? "\($0.id)") \(share)"
            }
            Failure.say("mask \(number + 1): \(words.joined(separator: ", "))")
        }
    }

    /// As the options say, else as the model's generation_config.json does.
    private func settings(
        _ inference: InferenceModel
    ) throws(TrainingError) -> (sampling: SamplingSettings, length: TextLength) {
        var (settings, taken) = try ofModelFiles { () throws(ModelFileError) in
            try inference.samplingDefaults()
        }
        let options: [(key: String, isGiven: Bool)] = [
            ("temperature", temperature != nil), ("do_sample", temperature != nil),
            ("top_k", topK != nil), ("top_p", topP != nil), ("min_p", minP != nil),
            ("repetition_penalty", repetitionPenalty != nil),
            ("num_beams", numBeams != nil), ("length_penalty", lengthPenalty != nil),
        ]
        taken.removeAll { line in
            options.contains { $0.isGiven && line.hasPrefix($0.key + " ") }
        }
        var length = TextLength.new(maxNewTokens ?? 256)
        let found = try ofModelFiles { () throws(ModelFileError) in try inference.lengthDefault() }
        if maxNewTokens == nil, let found {
            length = found.length
            taken.append(found.taken)
        }
        if !taken.isEmpty {
            Failure.say("\(inference.samplingFile) gives \(taken.joined(separator: ", "))")
        }
        if let temperature { settings.temperature = temperature }
        if let topK { settings.topK = topK }
        if let topP { settings.topP = topP }
        if let minP { settings.minP = minP }
        if let repetitionPenalty { settings.repetitionPenalty = repetitionPenalty }
        if let numBeams { settings.beams.count = numBeams }
        if let lengthPenalty { settings.beams.lengthPenalty = lengthPenalty }
        settings.seed = seed
        if temperature == nil, let note = inference.drawingNote(settings, taken: taken) {
            Failure.say(note)
        }
        return try ofModelFiles { () throws(ModelFileError) in
            try InferenceModel.checkBeams(settings)
            return (settings, length)
        }
    }

    private func check() throws(TrainingError) {
        let (temperature, topK, topP) = (temperature ?? 1, topK ?? 0, topP ?? 1)
        let (minP, repetitionPenalty) = (minP ?? 0, repetitionPenalty ?? 1)
        let maxNewTokens = maxNewTokens ?? 1
        // Told as what has to hold, so that what is no number is refused, too.
        let rules: [(Bool, String)] = [
            (
                1...2_147_483_647 ~= maxNewTokens,
                "--max-new-tokens: found \(maxNewTokens), expected at least 1"
                    + (maxNewTokens > 1 ? " and at most 2147483647" : "")
            ),
            (
                0...1e30 ~= temperature,
                "--temperature: found \(temperature), expected at least 0"
                    + (temperature > 0 ? " and at most 1e30" : "")
            ),
            (topK >= 0, "--top-k: found \(topK), expected at least 0"),
            (topP > 0 && topP <= 1, "--top-p: found \(topP), expected above 0, at most 1"),
            (
                1...1000 ~= numBeams ?? 1,
                "--num-beams: found \(numBeams ?? 0), expected 1 to 1000"
            ),
            (
                (lengthPenalty ?? 1).isFinite,
                "--length-penalty: found \(lengthPenalty ?? 0), expected a number"
            ),
            (0...1 ~= minP, "--min-p: found \(minP), expected 0 to 1"),
            (
                1e-30...1e30 ~= repetitionPenalty,
                "--repetition-penalty: found \(repetitionPenalty), expected above 0"
                    + (repetitionPenalty > 0 ? ", from 1e-30 to 1e30" : "")
            ),
        ]
        if let broken = rules.first(where: { !$0.0 }) { throw .user(broken.1) }
    }
}
