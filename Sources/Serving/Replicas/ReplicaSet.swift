package import Generation
import Synchronization

/// The replicas of a model behind one server: this process and others.
///
/// Whatever a model has to compute goes to the replica that has least to do, whole: every replica gives
/// the same answer.
package final class ReplicaSet: Sendable {
    private struct Load {
        /// Requests in the making.
        var running = 0
        /// Requests so far.
        var total = 0
    }

    private let others: [Replica]
    /// Of this process first.
    private let loads: Mutex<[Load]>

    /// - Parameter others: those of other processes.
    package init(_ others: [Replica]) {
        self.others = others
        loads = Mutex(Array(repeating: Load(), count: others.count + 1))
    }

    /// A route whose requests go to all replicas in turn, where a model computes the answer; others as
    /// they are.
    package func spread(_ route: Route) -> Route {
        guard route.endsWithClient else { return route }
        return route.handled { [self] request throws(ServerProblem) in
            let turn = begin()
            guard turn.index > 0 else { return try await route.handle(request).keeping(turn) }
            return try await others[turn.index - 1].answer(to: request).keeping(turn)
        }
    }

    /// The figures of the other processes.
    ///
    /// - Throws: ``ServerProblem`` 502 where one does not say.
    package func figures() async throws(ServerProblem) -> [EngineFigures] {
        var all: [EngineFigures] = []
        for replica in others { all.append(try await replica.figures()) }
        return all
    }

    /// Requests that each replica has had so far, of this process first.
    package var totals: [Int] { loads.withLock { $0.map(\.total) } }

    /// Asks the other processes to end.
    package func stop() async {
        for replica in others { await replica.stop() }
    }

    /// Gives a request to the replica that has least to do, the first of several.
    private func begin() -> Turn {
        let index = loads.withLock { loads in
            let least = loads.map(\.running).min()
            let index = loads.firstIndex { $0.running == least } ?? 0
            loads[index].running += 1
            loads[index].total += 1
            return index
        }
        return Turn(index, self)
    }

    fileprivate func end(_ index: Int) { loads.withLock { $0[index].running -= 1 } }
}

/// A request at a replica, until it is let go of.
private final class Turn: Sendable {
    let index: Int
    private let replicas: ReplicaSet

    init(_ index: Int, _ replicas: ReplicaSet) {
        self.index = index
        self.replicas = replicas
    }

    deinit { replicas.end(index) }
}
