import Autograd
package import Configuration
import Foundation
package import Kernels
package import Models

extension LanguageModel {
    /// The likeliest continuation of `prompt` that a beam search finds, at most `count` tokens, without
    /// the one that ended it; none where the prompt leaves no room.
    ///
    /// - Parameters:
    ///   - sampler: whose repetition penalty applies to log-probabilities, as in transformers.
    ///   - stepped: called after each step, to see that it goes on.
    package func generate(
        after prompt: [Int32], count: Int, beams: BeamSettings, sampler: Sampler,
        ends: Set<Int32>, computeType: ElementType, in workspace: Workspace,
        stepped: () -> Void = {}
    ) -> [Int32] {
        let start = GenerationStart(prompt, of: self)
        let room = description.hasFixedPositions ? description.maximumPositions : Int.max
        let longest = min(count, room - start.ids.count)
        guard !prompt.isEmpty, longest > 0 else { return [] }
        let cache = KeyValueCache(
            capacity: start.ids.count + longest, sequences: beams.count)
        var search = BeamSearch(beams, ends: ends, longest: longest)
        func pass() -> ForwardPass {
            ForwardPass(workspace: workspace, computeType: computeType, cache: cache)
        }
        func advance(_ logits: [[Float]]) {
            search.advance(
                zip(logits, search.running).map { logits, beam in
                    sampler.penalized(
                        Self.logProbabilities(logits), start.ids + beam.tokens)
                })
            stepped()
        }
        cache.active = [0]
        advance([nextLogits(start.ids, source: start.source, in: pass())])
        while !search.isOver {
            let running = search.running
            cache.reorder(running.map(\.parent), in: workspace)
            advance(
                nextLogits(
                    behind: running.map { start.ids + $0.tokens }, rows: Array(running.indices),
                    of: cache, source: start.source, newPass: pass))
        }
        return search.best
    }

    /// log softmax, its sum in double precision.
    private static func logProbabilities(_ logits: [Float]) -> [Float] {
        let top = logits.max() ?? 0
        let sum = TokenSelection.sumOfExponentials(logits, top: top, scale: 1)
        let shift = Double(top) + log(sum)
        return logits.map { Float(Double($0) - shift) }
    }
}
