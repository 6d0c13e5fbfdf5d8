package import Autograd
package import Kernels

/// Sums gradients over ranks, bucket by bucket, in a fixed order.
///
/// With overlap a bucket's sum begins as soon as backward has finished with its parameters and all
/// buckets before it have begun; otherwise all begin in ``finish()``. The order is that of backward:
/// tables of embeddings whose lookups are summed row by row come first, for the rest of their
/// gradient, that of tied logits, is complete when backward begins.
package final class GradientReducer {
    /// How gradients are summed.
    package struct Settings: Sendable {
        /// The least size of a bucket, bytes of float32.
        package var bucketBytes: Int
        /// Whether sums begin while backward goes on.
        package var overlaps: Bool
        /// Whether each rank keeps, and updates, only its share of every bucket.
        package var divides: Bool
        package var order: SumOrder
        package var wire: WireType
        /// Whether no rank's share cuts a parameter.
        package var ownsWholeParameters = false

        package init(
            bucketBytes: Int, overlaps: Bool, divides: Bool, order: SumOrder = .fastest,
            wire: WireType = .float32
        ) {
            self.bucketBytes = bucketBytes
            self.overlaps = overlaps
            self.divides = divides
            self.order = order
            self.wire = wire
        }
    }

    package let buckets: [GradientBucket]
    private let store: ParameterStore
    private let communicator: any Communicator
    private let settings: Settings
    private var pending: [Set<ObjectIdentifier>] = []
    private var bucketOf: [ObjectIdentifier: Int] = [:]
    /// Numbers of buckets in the order in which they are summed.
    private let sequence: [Int]
    private let rowExchanges: [RowExchange]
    /// Whether this rank holds all bits of the masters that other ranks update.
    private var mastersAreComplete = true
    /// How many of the sequence have been begun in this step.
    private var begun = 0
    private var tickets: [TicketBox] = []
    private var failure: CommunicationError?

    /// - Parameter tables: embeddings whose lookups are summed row by row.
    package init(
        _ store: ParameterStore, over communicator: any Communicator, settings: Settings,
        tables: [LookupTable] = []
    ) {
        self.store = store
        self.communicator = communicator
        self.settings = settings
        let tables = communicator.size > 1 ? tables : []
        let apart = Set(tables.map { ObjectIdentifier($0.parameter) })
        let buckets = GradientBucket.buckets(
            of: store, bytes: settings.bucketBytes, apart: apart,
            ownsWholeParameters: settings.ownsWholeParameters)
        self.buckets = buckets
        rowExchanges = tables.map { RowExchange($0, over: communicator, in: store.workspace) }
        let early = tables.filter(\.hasDensePart).compactMap { table in
            buckets.firstIndex { $0.parameters == [ObjectIdentifier(table.parameter)] }
        }
        sequence =
            early + buckets.indices.filter { apart.isDisjoint(with: buckets[$0].parameters) }
        for (index, bucket) in buckets.enumerated() {
            for parameter in bucket.parameters { bucketOf[parameter] = index }
        }
    }

    /// Whether ranks update shares of the parameters.
    package var divides: Bool { settings.divides && communicator.size > 1 }

    /// The ranges this rank updates: all of every bucket, or its share of each.
    package var ownedRanges: [Range<Int>] { ownedRanges(of: communicator.rank) }

    /// The ranges that `rank` updates.
    package func ownedRanges(of rank: Int) -> [Range<Int>] {
        buckets.map {
            settings.divides ? $0.share(of: rank, ranks: communicator.size) : $0.range
        }
    }

    /// Those of them whose lower halves no other rank has, where masters are split and divided.
    package func unsharedRanges(of rank: Int) -> [Range<Int>] {
        zip(buckets, ownedRanges(of: rank)).filter { !$0.0.isLookedUp }.map(\.1)
    }

    /// The ranges whose squares this rank adds to the norm: together the ranks cover once all that has
    /// gradients.
    package var measuredRanges: [Range<Int>] {
        buckets.filter(isActive).map { $0.share(of: communicator.rank, ranks: communicator.size) }
    }

    /// A line that is equal on ranks that lay out their buckets alike.
    package var layoutText: String {
        store.slots.map { "\($0.parameter.name)\($0.parameter.shape)@\($0.offset)" }
            .joined(separator: ";")
            + "|" + buckets.map { "\($0.range)" }.joined(separator: ";") + "|\(settings)"
            + "|\(sequence)|\(rowExchanges.map(\.mostRows))"
    }

    /// Clears the gradients and expects all parameters anew.
    package func prepare() {
        store.clearGradients()
        pending = buckets.map { isActive($0) ? Set($0.parameters) : [] }
        begun = 0
        for exchange in rowExchanges { exchange.rows.clear() }
    }

    /// Notes that backward will not touch the parameter's gradient again in this step.
    package func ready(_ parameter: Parameter) {
        let id = ObjectIdentifier(parameter)
        guard let index = bucketOf[id] else { return }
        pending[index].remove(id)
        guard settings.overlaps, failure == nil else { return }
        do {
            while begun < sequence.count, pending[sequence[begun]].isEmpty { try begin() }
        } catch {
            failure = error
        }
    }

    /// Returns when every bucket holds its sum (or this rank's share of it).
    package func finish() throws(CommunicationError) {
        if let failure { throw failure }
        while begun < sequence.count { try begin() }
        let waiting = tickets
        tickets = []
        for ticket in waiting { try ticket.wait() }
        for exchange in rowExchanges { try exchange.finish() }
    }

    /// Gives every rank what its next step reads of the masters that the others have updated.
    ///
    /// Of split masters that is their rounded halves, and the lower ones of tables whose rows are
    /// looked up and of norms and biases: half the bytes. The rest stays with the ranks that own it,
    /// see ``completeMasters()``.
    package func shareMasters(in workspace: Workspace) throws(CommunicationError) {
        guard divides else { return }
        if let split = store.splitMasters {
            for bucket in buckets where isActive(bucket) {
                try gather(split.rounded, bucket)
                if bucket.isLookedUp { try gather(split.rest, bucket) }
            }
            try shareSmallValues(in: workspace)
            mastersAreComplete = false
            return
        }
        for bucket in buckets where isActive(bucket) {
            for array in store.masterArrays { try gather(array, bucket) }
            guard let masters = store.masters, let copies = store.copies else { continue }
            workspace.convert(
                masters.advanced(by: bucket.range.lowerBound),
                to: copies.advanced(by: bucket.range.lowerBound), count: bucket.range.count)
        }
        store.refreshSmallValues()
    }

    /// Every element is one rank's, and zero on the others.
    private func shareSmallValues(in workspace: Workspace) throws(CommunicationError) {
        let count = store.smallCount
        guard count > 0 else { return }
        let values = workspace.buffer(count, .float32)
        store.joinSmallValues(in: ownedRanges, into: values)
        let view = values.hostView(0..<count)
        try communicator.beginSum(view.words).wait()
        view.commit()
        store.takeSmallValues(values)
    }

    /// Gives every rank all bits of all masters. Collective.
    package func completeMasters() throws(CommunicationError) {
        guard !mastersAreComplete, let split = store.splitMasters else { return }
        for bucket in buckets where !bucket.isLookedUp { try gather(split.rest, bucket) }
        mastersAreComplete = true
    }

    /// Gives back the memory of masters' bits that this rank neither updates nor reads.
    package func releaseUnownedMasters() {
        guard divides, let split = store.splitMasters else { return }
        for (bucket, owned) in zip(buckets, ownedRanges) where !bucket.isLookedUp {
            split.forgetRest(bucket.range.lowerBound..<owned.lowerBound)
            split.forgetRest(owned.upperBound..<bucket.range.upperBound)
        }
        mastersAreComplete = false
    }

    /// Gives every rank the root's numbers in a flat array. Collective.
    package func broadcast(_ flat: Buffer, from root: Int) throws(CommunicationError) {
        for bucket in buckets {
            let view = flat.hostView(bucket.range)
            try communicator.broadcast(buffer: view.words, from: root)
            view.commit()
        }
    }

    private func gather(_ flat: Buffer, _ bucket: GradientBucket) throws(CommunicationError) {
        try gather(flat.advanced(by: bucket.range.lowerBound), of: bucket)
    }

    /// Fills a bucket's stretch of a flat array, of which each rank holds its share. Collective.
    package func gather(
        _ part: Buffer, of bucket: GradientBucket
    ) throws(CommunicationError) {
        guard divides else { return }
        let shares = shares(of: bucket)
        // Shares begin and end at multiples of 32 elements; they travel in words of four bytes.
        let bytes = part.type.bytes
        let view = part.hostView(0..<bucket.range.count)
        try communicator.allGather(
            buffer: view.words, counts: shares.counts.map { $0 * bytes / 4 },
            offsets: shares.offsets.map { $0 * bytes / 4 })
        view.commit()
    }

    /// Whether a bucket's parameters have gradients in this step.
    private func isActive(_ bucket: GradientBucket) -> Bool {
        store.active.contains(bucket.range.lowerBound)
    }

    private func begin() throws(CommunicationError) {
        let bucket = buckets[sequence[begun]]
        begun += 1
        guard isActive(bucket) else { return }
        store.settleGradients(in: bucket.range)
        guard communicator.size > 1, let gradients = store.gradientMemory else { return }
        let view = gradients.hostView(bucket.range)
        if settings.divides, settings.order == .fastest {
            let shares = shares(of: bucket)
            tickets.append(
                TicketBox(
                    try communicator.beginReduceScatter(
                        view.words, counts: shares.counts, offsets: shares.offsets,
                        wire: settings.wire), view))
        } else {
            tickets.append(
                TicketBox(
                    try communicator.beginSum(
                        view.words, order: settings.order, wire: settings.wire), view))
        }
    }

    private func shares(of bucket: GradientBucket) -> (counts: [Int], offsets: [Int]) {
        let shares = (0..<communicator.size).map { bucket.share(of: $0, ranks: communicator.size) }
        return (shares.map(\.count), shares.map { $0.lowerBound - bucket.range.lowerBound })
    }
}

/// A ticket that an array can hold, and the view of the numbers that are summed.
private final class TicketBox {
    private var ticket: SumTicket?
    private let view: HostView

    init(_ ticket: consuming SumTicket, _ view: HostView) {
        self.ticket = consume ticket
        self.view = view
    }

    func wait() throws(CommunicationError) {
        guard let ticket = ticket.take() else { return }
        try ticket.wait()
        view.commit()
    }
}
