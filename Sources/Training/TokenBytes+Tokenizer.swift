import ModelFiles
package import Objectives
package import Tokenizers

extension TokenBytes {
    /// What the tokens of a tokenizer add within a text; special ones are no text.
    package init(_ tokenizer: any Tokenizer) {
        let ids = 0..<Int32(tokenizer.vocabularySize)
        var position = DecodingPosition()
        // The first tokens of a text may lose a space: none of those that count stands there.
        for id in ids where !tokenizer.isSpecial(id) { _ = tokenizer.bytes(of: id, at: &position) }
        self.init(
            ids.map { id in
                tokenizer.isSpecial(id) ? 0 : tokenizer.bytes(of: id, at: &position).count
            })
    }

    /// - Throws: ``TrainingError/user(_:)`` where the best checkpoint is told by the figure, and the objective
    ///   has none.
    static func check(_ metric: String?, of objective: any Objective) throws(TrainingError) {
        guard let metric, metric.hasSuffix(name),
            !objective.evaluationFigureNames.contains(name)
        else { return }
        throw .user(
            "metric_for_best_model: found \(metric), which needs a tokenizer and an objective that "
                + "writes text (clm, span_corruption, ul2); take eval_loss")
    }

    /// Of a run's tokenizer; `nil` without one, for shards of other programs.
    init?(_ text: RunTokenizer) {
        guard let tokenizer = try? text.tokenizer() else { return nil }
        self.init(tokenizer)
    }
}
