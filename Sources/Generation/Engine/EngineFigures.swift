/// What an ``AnswerEngine`` has done so far, and is doing.
package struct EngineFigures: Sendable {
    /// Prompt tokens computed, and the seconds that took.
    package var promptTokens = 0
    package var promptSeconds = 0.0
    /// Prompt tokens that were there already.
    package var reusedTokens = 0
    /// Tokens chosen, and the seconds of the passes that computed all but each answer's first.
    package var answerTokens = 0
    package var answerSeconds = 0.0
    /// Passes that computed next tokens, and the texts that took part in them.
    package var passes = 0
    package var rows = 0
    /// Requests that have a place, and that wait for one.
    package var running = 0
    package var waiting = 0
    /// Requests that ended, those that were given up among them.
    package var finished = 0

    package init() {}
}
