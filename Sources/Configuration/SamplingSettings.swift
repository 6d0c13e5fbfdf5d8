/// How the next token is chosen.
package struct SamplingSettings: Sendable {
    /// 0 always takes the likeliest.
    package var temperature = 0.95
    /// Only so many of the likeliest; 0 means all.
    package var topK = 50
    /// Only the likeliest that together have this probability.
    package var topP = 0.7
    /// Only those that have at least this share of the likeliest one's probability.
    package var minP = 0.0
    /// Divides (or, below zero, multiplies) the logits of tokens that occurred before.
    package var repetitionPenalty = 1.0
    package var seed: UInt64 = 42
    /// A search for the likeliest text in place of its likeliest next tokens, where several beams
    /// are followed; not together with drawing.
    package var beams = BeamSettings(count: 1)

    package init() {}

    /// Always the likeliest token.
    package static var greedy: SamplingSettings {
        var settings = SamplingSettings()
        settings.temperature = 0
        return settings
    }
}
