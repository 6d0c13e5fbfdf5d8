import Dispatch
import Synchronization

extension Array where Element: Sendable {
    /// What `body` makes of the elements, in their order, on several threads that end with the call.
    ///
    /// - Parameter portion: elements that a thread takes at a time.
    package func mapped<Value: Sendable>(
        threads: Int, portion: Int, _ body: @Sendable (Element) -> Value
    ) -> [Value] {
        let portions = (count + portion - 1) / portion
        let results = Mutex([[Value]](repeating: [], count: portions))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: Swift.max(1, Swift.min(threads, portions))) {
            _ in
            while true {
                let number = next.add(1, ordering: .relaxed).oldValue
                guard number < portions else { return }
                let start = number * portion
                let values = self[start..<Swift.min(start + portion, count)].map(body)
                results.withLock { $0[number] = values }
            }
        }
        return results.withLock { $0.flatMap { $0 } }
    }
}
