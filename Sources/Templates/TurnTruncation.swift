/// How long a question and its answer may stay.
package enum TurnTruncation {
    /// The lengths to which a turn is cut so that both fit into `cutoff` tokens: a side shorter
    /// than half stays whole, else both give in proportion. As LLaMA-Factory's `infer_seqlen`.
    package static func lengths(
        source: Int, target: Int, cutoff: Int
    ) -> (source: Int, target: Int) {
        let longest: Int
        if target * 2 < cutoff {
            longest = cutoff
        } else if source * 2 < cutoff {
            longest = cutoff - source
        } else {
            longest = Int(Double(cutoff) * (Double(target) / Double(source + target)))
        }
        let keptTarget = min(longest, target)
        return (min(max(cutoff - keptTarget, 0), source), keptTarget)
    }
}
