import Kernels

/// The keys and values of the tokens seen so far, for one sequence.
package final class KeyValueCache {
    /// Tokens seen.
    package private(set) var length = 0
    package let capacity: Int
    private var layers: [(keys: Tensor, values: Tensor)] = []
    private var layer = 0

    /// - Parameter capacity: tokens it can hold.
    package init(capacity: Int) { self.capacity = capacity }

    /// Adds the rows of this pass's tokens to the next layer's and returns all so far, (capacity, width).
    func append(
        keys: Tensor, values: Tensor, in workspace: Workspace
    ) -> (keys: Tensor, values: Tensor) {
        let tokens = keys.shape.rows
        precondition(length + tokens <= capacity, "the cache holds \(capacity) tokens")
        if layer == layers.count {
            layers.append(
                (
                    workspace.tensor([capacity, keys.shape.width], keys.type),
                    workspace.tensor([capacity, values.shape.width], values.type)
                ))
        }
        let kept = layers[layer]
        let start = length
        workspace.convert(
            keys.buffer, to: kept.keys.buffer.advanced(by: start * keys.shape.width),
            count: keys.count)
        workspace.convert(
            values.buffer, to: kept.values.buffer.advanced(by: start * values.shape.width),
            count: values.count)
        layer += 1
        return kept
    }

    /// Ends a pass over `tokens` tokens.
    package func advance(by tokens: Int) {
        length += tokens
        layer = 0
    }
}
