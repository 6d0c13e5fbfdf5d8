/// One instruction example as ids, with the ids that carry loss.
package struct TokenizedExample: Sendable, Equatable {
    package var ids: [Int32]
    /// The id itself where it carries loss, −100 elsewhere; not shifted, as long as `ids`.
    package var labels: [Int32]
    /// The number of the packed example that each id belongs to, where tokens may only see their
    /// own; `nil` where all see all before them.
    package var segments: [Int32]?

    package init(ids: [Int32], labels: [Int32], segments: [Int32]? = nil) {
        precondition(
            ids.count == labels.count && segments.map { $0.count == ids.count } != false,
            "example of \(ids.count) ids and \(labels.count) labels")
        self.ids = ids
        self.labels = labels
        self.segments = segments
    }
}
