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

    /// A table of embeddings, whose lookups may be summed row by row.
    package struct Table: Equatable, Sendable, Codable {
        /// Its number among the slots.
        package var slot: Int
        package var rows: Int
        package var width: Int
        /// The part of backward after which all but the lookups has been added to its gradient;
        /// `nil` where nothing else adds to it.
        package var denseReady: Double?

        package init(slot: Int, rows: Int, width: Int, denseReady: Double?) {
            self.slot = slot
            self.rows = rows
            self.width = width
            self.denseReady = denseReady
        }

        /// Bytes of the rows that `tokens` random tokens name, with their ids.
        func bytes(tokens: Int) -> Double {
            let missed = 1 - 1 / Double(rows)
            var (share, power, left) = (1.0, missed, tokens)
            while left > 0 {
                if left & 1 == 1 { share *= power }
                power *= power
                left >>= 1
            }
            return Double(rows) * (1 - share) * Double(width + 1) * 4
        }
    }

    /// The buckets that `GradientReducer` makes of the slots, which stand in its order. A bucket
    /// waits for all of its parameters.
    /// - Parameters:
    ///   - bytes: the least size of a bucket.
    ///   - apart: numbers of slots that are buckets alone.
    /// - Returns: The buckets, and the number of the first slot of each.
    package static func buckets(
        of slots: [Slot], bytes: Int, apart: Set<Int> = []
    ) -> (buckets: [StepWork.Bucket], firstSlots: [Int]) {
        var (buckets, firstSlots): ([StepWork.Bucket], [Int]) = ([], [])
        var (elements, ready, first) = (0, 0.0, 0)
        for (index, slot) in slots.enumerated() {
            elements += slot.elements
            ready = max(ready, slot.ready)
            let ends =
                elements >= max(1, bytes / 4) || index + 1 == slots.count
                || apart.contains(index) || apart.contains(index + 1)
            guard ends else { continue }
            buckets.append(StepWork.Bucket(bytes: Double(elements * 4), ready: ready))
            firstSlots.append(first)
            (elements, ready, first) = (0, 0, index + 1)
        }
        return (buckets, firstSlots)
    }

    /// Buckets, in the order in which they are summed, and rows of tables that are summed apart.
    /// - Parameters:
    ///   - tables: those whose lookups are summed row by row.
    ///   - lookedUp: where masters are kept in halves, slots of which both halves are shared after an
    ///     update; of the others the rounded one is.
    /// - Returns: Sums, what is shared after an update, and rows of tables; bytes of float32.
    package static func sums(
        of slots: [Slot], bytes: Int, tables: [Table], tokens: Int, lookedUp: Set<Int>? = nil
    ) -> (summed: [StepWork.Bucket], gathered: [Double], rows: [Double]) {
        let apart = Set(tables.map(\.slot))
        let (buckets, firstSlots) = Self.buckets(of: slots, bytes: bytes, apart: apart)
        var early: [StepWork.Bucket] = []
        for table in tables {
            if let ready = table.denseReady, let index = firstSlots.firstIndex(of: table.slot) {
                early.append(StepWork.Bucket(bytes: buckets[index].bytes, ready: ready))
            }
        }
        let rest = zip(buckets, firstSlots).filter { !apart.contains($0.1) }.map(\.0)
        let ends = Array(firstSlots.dropFirst()) + [slots.count]
        let gathered = buckets.indices.map { index in
            guard let lookedUp else { return buckets[index].bytes }
            let isWhole = !lookedUp.isDisjoint(with: firstSlots[index]..<ends[index])
            return buckets[index].bytes * (isWhole ? 1 : 0.5)
        }
        return (early + rest, gathered, tables.map { $0.bytes(tokens: tokens) })
    }

    /// How many times fewer rows than the table has all ranks' tokens must be, as in
    /// `GradientSumming`.
    static let leastSaving = 4
}
