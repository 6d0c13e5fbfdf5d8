package import Autograd
import Kernels

extension LanguageModel {
    /// Logits (V) of the token after `ids`, which follow what the pass's cache holds.
    package func nextLogits(_ ids: [Int32], in pass: ForwardPass) -> [Float] {
        nextLogits(ids, batch: 1, in: pass)[0]
    }

    /// Logits (V) of the next token of each sequence; ids (B, T) follow what the pass's cache holds.
    package func nextLogits(_ ids: [Int32], batch: Int, in pass: ForwardPass) -> [[Float]] {
        let hidden = hiddenStates(ids, batch: batch, segments: nil, in: pass)
        let (length, width) = (ids.count / batch, hidden.shape.width)
        pass.cache?.advance(by: length)
        let last: Tensor
        if batch == 1 || length == 1 {
            last = Tensor(
                shape: [batch, width],
                buffer: hidden.buffer.advanced(by: (length - 1) * width))
        } else {
            last = pass.workspace.tensor([batch, width], hidden.type)
            for row in 0..<batch {
                pass.workspace.convert(
                    hidden.buffer.advanced(by: ((row + 1) * length - 1) * width),
                    to: last.buffer.advanced(by: row * width), count: width)
            }
        }
        let logits = languageHead.logits(last, in: pass)
        let vocabulary = logits.shape.width
        return (0..<batch).map {
            pass.workspace.numbers(
                logits.buffer.advanced(by: $0 * vocabulary), count: vocabulary)
        }
    }

    /// Computes keys and values of `ids` into the pass's cache, and nothing else.
    package func fill(_ ids: [Int32], in pass: ForwardPass) {
        _ = hiddenStates(ids, batch: 1, segments: nil, in: pass)
        pass.cache?.advance(by: ids.count)
    }
}
