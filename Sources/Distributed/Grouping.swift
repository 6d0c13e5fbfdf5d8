/// Ranks that gave the same answer, the largest group first.
struct Grouping {
    struct Group: Equatable {
        let value: String
        let ranks: [Int]
    }

    let groups: [Group]

    /// - Parameter values: One answer from each rank, by rank.
    init(_ values: [String]) {
        var ranks: [String: [Int]] = [:]
        for (rank, value) in values.enumerated() { ranks[value, default: []].append(rank) }
        groups = ranks.map { Group(value: $0.key, ranks: $0.value) }.sorted {
            ($1.ranks.count, $0.ranks[0]) < ($0.ranks.count, $1.ranks[0])
        }
    }
}

/// `rank 5 on host c`, `ranks 1, 2 on hosts a, b` or `ranks 1, 2, 3, 4 and 7 more on hosts …`.
func describeRanks(_ ranks: [Int], hosts: [String]) -> String {
    let named = ranks.prefix(4)
    var places: [String] = []
    for rank in named where rank < hosts.count && !places.contains(hosts[rank]) {
        places.append(hosts[rank])
    }
    let numbers = named.map(String.init).joined(separator: ", ")
    let more = ranks.count > named.count ? " and \(ranks.count - named.count) more" : ""
    return "\(ranks.count == 1 ? "rank" : "ranks") \(numbers)\(more) on "
        + "\(places.count == 1 ? "host" : "hosts") \(places.joined(separator: ", "))"
}
