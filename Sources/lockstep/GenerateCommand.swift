import ArgumentParser
import Foundation
import Models
import TextData
import Training

/// `lockstep generate --model PATH --prompt TEXT`
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continues a text; the continuation goes to stdout.")

    @OptionGroup var model: ModelOptions

    @Option(help: "The text to continue.")
    var prompt: String

    @Option(help: "At most so many new tokens.")
    var maxNewTokens = 256

    @Option(help: "0 always takes the likeliest token.")
    var temperature = 0.95

    @Option(help: "Choose among so many of the likeliest; 0 means all.")
    var topK = 50

    @Option(help: "Choose among the likeliest that together have this probability.")
    var topP = 0.7

    @Option(help: "Above 1, tokens that occurred before become less likely.")
    var repetitionPenalty = 1.0

    @Option(help: "Only tokens with at least this share of the likeliest one's probability.")
    var minP = 0.0

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
            if ids.isEmpty {
                guard let first = tokenizer.beginOfText ?? tokenizer.endOfText else {
                    throw .user("--prompt is empty and the tokenizer has no token to begin with")
                }
                ids = [first]
            }
            let description = inference.model.description
            if description.hasFixedPositions, ids.count >= description.maximumPositions {
                throw .user(
                    "--prompt has \(ids.count) tokens, but the model has "
                        + "\(description.maximumPositions) positions; shorten it")
            }
            var settings = SamplingSettings()
            settings.temperature = temperature
            settings.topK = topK
            settings.topP = topP
            settings.repetitionPenalty = repetitionPenalty
            settings.seed = seed
            settings.minP = minP
            let output = TextOutput()
            var stream = TokenTextStream(tokenizer, skipsSpecialTokens: true, stops: stops)
            var rate = GenerationRate()
            let end = inference.model.generate(
                after: ids, count: maxNewTokens, sampler: Sampler(settings),
                ends: inference.endTokens, computeType: inference.computeType,
                in: inference.workspace
            ) { token in
                rate.count()
                return output.write(stream.append(token)) && !stream.isStopped
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

    private func check() throws(TrainingError) {
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
