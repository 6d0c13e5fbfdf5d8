import Foundation

/// The prefetch thread: makes elements ahead of their use, in order, until stopped.
///
/// `produce` runs on that thread only. An error it throws is kept and thrown by ``next()`` after
/// the elements made before it, from then on each time.
package final class Prefetcher<Element: Sendable>: Sendable {
    private let line: PrefetchLine<Element>

    /// Starts the thread, which stays at most `depth` elements ahead.
    package init(
        depth: Int, produce: @escaping @Sendable () throws(CorpusError) -> Element
    ) {
        precondition(depth > 0, "prefetch \(depth) elements ahead")
        let line = PrefetchLine<Element>(depth: depth)
        self.line = line
        // The thread holds the line, not the prefetcher, so letting go of the latter ends it.
        let thread = Thread { line.fill(produce) }
        thread.name = "prefetch"
        thread.start()
    }

    deinit { stop() }

    /// The next element; waits for it.
    ///
    /// - Throws: what `produce` threw, or ``CorpusError/stopped``.
    package func next() throws(CorpusError) -> Element { try line.take() }

    /// Ends the thread and waits until it has ended. May be called again.
    package func stop() { line.close() }
}

/// The elements between the prefetch thread and the one that uses them.
private final class PrefetchLine<Element: Sendable>: @unchecked Sendable {
    // Unchecked because of the mutable state, all of which the condition guards.
    private let depth: Int
    private let condition = NSCondition()
    private var elements: [Element] = []
    private var failure: CorpusError?
    private var isStopping = false
    private var isRunning = true

    init(depth: Int) { self.depth = depth }

    /// The thread's body.
    func fill(_ produce: () throws(CorpusError) -> Element) {
        while waitForRoom() {
            do throws(CorpusError) {
                let element = try produce()
                condition.lock()
                elements.append(element)
            } catch {
                condition.lock()
                failure = error
            }
            condition.broadcast()
            condition.unlock()
        }
        condition.lock()
        isRunning = false
        condition.broadcast()
        condition.unlock()
    }

    private func waitForRoom() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while elements.count >= depth, !isStopping { condition.wait() }
        return !isStopping && failure == nil
    }

    func take() throws(CorpusError) -> Element {
        condition.lock()
        defer { condition.unlock() }
        while elements.isEmpty, failure == nil, !isStopping { condition.wait() }
        if isStopping { throw .stopped }
        guard !elements.isEmpty else { throw failure ?? .stopped }
        condition.broadcast()
        return elements.removeFirst()
    }

    func close() {
        condition.lock()
        isStopping = true
        condition.broadcast()
        while isRunning { condition.wait() }
        elements.removeAll()
        condition.unlock()
    }
}
