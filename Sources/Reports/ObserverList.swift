/// The observers of rank 0; one that fails is told of, and the run goes on.
package final class ObserverList {
    private let observers: [any TrainingObserver]
    /// Why the last report that could not be written could not, since it was last taken.
    private var failure: String?

    package init(_ observers: [any TrainingObserver]) { self.observers = observers }

    package func tell(_ body: (any TrainingObserver) throws -> Void) {
        for observer in observers {
            do {
                try body(observer)
            } catch {
                failure = "\(error)"
                note("\(error)")
            }
        }
    }

    /// A line for the user.
    package func note(_ line: String) {
        // An observer that cannot take a line cannot be told so either.
        for observer in observers { try? observer.noted(line) }
    }

    /// Why a report could not be written since the last call.
    package func takeFailure() -> String? {
        defer { failure = nil }
        return failure
    }
}
