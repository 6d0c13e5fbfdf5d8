/// Where buckets of gradients end, for sizes that no reducer has been made for.
package enum BucketLayout {
    /// A parameter's stretch of the flat gradients.
    package struct Slot: Equatable, Sendable, Codable {
        /// Elements, padding included.
        package var elements: Int
        /// The part of backward after which its gradient is complete, 0 to 1.
        package var ready: Double

        package init(elements: Int, ready: Double) {
            self.elements = elements
            self.ready = ready
        }
    }

    /// The buckets that `GradientReducer` makes of the slots, which stand in its order. A bucket
    /// waits for all of its parameters and for the buckets before it.
    /// - Parameter bytes: the least size of a bucket.
    package static func buckets(of slots: [Slot], bytes: Int) -> [StepWork.Bucket] {
        var buckets: [StepWork.Bucket] = []
        var (elements, ready) = (0, 0.0)
        for (index, slot) in slots.enumerated() {
            elements += slot.elements
            ready = max(ready, slot.ready)
            guard elements >= max(1, bytes / 4) || index + 1 == slots.count else { continue }
            buckets.append(StepWork.Bucket(bytes: Double(elements * 4), ready: ready))
            elements = 0
        }
        return buckets
    }
}
