/// In which order requests are answered, and by which rank.
///
/// Requests that begin alike stand together in a unit, in which what they share is computed once. Units are
/// made of the requests alone, so that an answer is the same to the last bit on any number of ranks.
package struct RequestPlan: Sendable {
    /// Requests that one rank answers one after another.
    package struct Unit: Sendable, Equatable {
        /// Numbers of requests.
        package var requests: [Int]
        /// Tokens that are computed for them.
        package var tokens: Int
    }

    /// Units that ranks work on between two exchanges.
    package let rounds: [[Unit]]
    /// Tokens of all units.
    package let tokens: Int

    /// Tokens after which a unit ends, so that ranks can share the work of alike beginnings.
    private static let unitTokens = 8192
    /// A unit goes on where at least this part of a request has been computed before.
    private static let sharedPart = 4
    /// Into how many rounds the work is divided, as far as it is enough.
    private static let roundCount = 40

    /// - Parameters:
    ///   - requests: of all tasks.
    ///   - skipped: those that are answered already.
    ///   - batch: texts that are continued together.
    package init(_ requests: [TaskRequest], skipping skipped: Set<Int> = [], batch: Int) {
        let open = requests.indices.filter { !skipped.contains($0) }
        let units =
            (Self.scored(requests, open) + Self.written(requests, open, batch))
            .enumerated().sorted { ($1.element.tokens, $0.offset) < ($0.element.tokens, $1.offset) }
            .map(\.element)
        tokens = units.reduce(0) { $0 + $1.tokens }
        let most = max(tokens / Self.roundCount, 2 * Self.unitTokens)
        var rounds: [[Unit]] = []
        var sum = 0
        for unit in units {
            if rounds.isEmpty || sum >= most {
                rounds.append([])
                sum = 0
            }
            rounds[rounds.count - 1].append(unit)
            sum += unit.tokens
        }
        self.rounds = rounds
    }

    /// Likelihoods in the order of their tokens, divided where little is shared.
    private static func scored(_ requests: [TaskRequest], _ open: [Int]) -> [Unit] {
        let inputs = open.compactMap { number -> (number: Int, ids: [Int32])? in
            guard case .likelihood = requests[number] else { return nil }
            return (number, requests[number].input)
        }.sorted { first, second in
            first.ids.lexicographicallyPrecedes(second.ids)
                || first.ids == second.ids && first.number < second.number
        }
        var units: [Unit] = []
        var last: [Int32] = []
        for (number, ids) in inputs {
            let shared = zip(last, ids).prefix { $0 == $1 }.count
            last = ids
            if let unit = units.last, shared * sharedPart >= ids.count, unit.tokens < unitTokens {
                units[units.count - 1].requests.append(number)
                units[units.count - 1].tokens += max(ids.count - shared, 1)
            } else {
                units.append(Unit(requests: [number], tokens: ids.count))
            }
        }
        return units
    }

    /// Texts with the same limits, the longest prompts first.
    private static func written(
        _ requests: [TaskRequest], _ open: [Int], _ batch: Int
    ) -> [Unit] {
        var byLimits: [TextLimits: [Int]] = [:]
        var order: [TextLimits] = []
        for number in open {
            guard case .text(_, let limits) = requests[number] else { continue }
            if byLimits[limits] == nil { order.append(limits) }
            byLimits[limits, default: []].append(number)
        }
        return order.flatMap { limits -> [Unit] in
            let numbers = (byLimits[limits] ?? []).sorted {
                (requests[$1].input.count, $0) < (requests[$0].input.count, $1)
            }
            return stride(from: 0, to: numbers.count, by: batch).map { start in
                let part = Array(numbers[start..<min(start + batch, numbers.count)])
                let prompts = part.reduce(0) { $0 + requests[$1].input.count }
                return Unit(requests: part, tokens: prompts + part.count * limits.tokens)
            }
        }
    }

    /// A rank's units of a round: each goes to the rank that has the fewest tokens so far.
    package func share(of rank: Int, among ranks: Int, in round: Int) -> [Unit] {
        var loads = Array(repeating: 0, count: ranks)
        return rounds[round].filter { unit in
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            loads[least] += unit.tokens
            return least == rank
        }
    }
}
