/// What all ranks must have in common before the first step.
package struct StartupAgreement: Equatable, Sendable {
    /// One thing to compare, in the order in which differences are reported.
    private enum Item: Int, CaseIterable {
        case rankCount, program, library, configuration, layout

        var title: String {
            switch self {
            case .rankCount: "the number of ranks"
            case .program: "the program (hash of the binary)"
            case .library: "the MPI library"
            case .configuration: "the configuration (hash)"
            case .layout: "the model's parameter layout (hash)"
            }
        }
    }

    private let answers: [String]

    /// - Parameters:
    ///   - rankCount: Ranks this rank believes in.
    ///   - program: Of the running binary; see ``Fingerprint/ofRunningProgram()``.
    ///   - library: Name and version of the MPI library.
    ///   - configuration: Of the resolved configuration.
    ///   - layout: Of names, shapes and order of the trainable parameters.
    package init(
        rankCount: Int, program: Fingerprint, library: String, configuration: Fingerprint,
        layout: Fingerprint
    ) {
        answers = [
            String(rankCount), program.text, library, configuration.text, layout.text,
        ]
    }

    /// Compares over ranks; collective.
    /// - Throws: ``CommunicationError/disagreement(what:ranks:)``, the same on every rank.
    package func verify(on communicator: any Communicator) throws(CommunicationError) {
        let texts = try communicator.allGather(answers.joined(separator: Self.separator))
        if let error = Self.difference(texts: texts, hosts: communicator.hostNames) { throw error }
    }

    /// The first difference between the ranks' answers, if there is one.
    package static func difference(texts: [String], hosts: [String]) -> CommunicationError? {
        let answers = texts.map {
            $0.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        }
        for item in Item.allCases {
            let values = answers.map { item.rawValue < $0.count ? $0[item.rawValue] : "nothing" }
            if let error = disagreement(on: item.title, values, hosts: hosts) { return error }
        }
        return nil
    }

    /// The error for ranks whose values of one thing differ; `nil` where they are equal.
    package static func disagreement(
        on what: String, _ values: [String], hosts: [String]
    ) -> CommunicationError? {
        let groups = Grouping(values).groups
        guard groups.count > 1 else { return nil }
        // The largest group is probably right, so the others are named first.
        let ranks = (groups.dropFirst() + groups.prefix(1)).map {
            "\(describeRanks($0.ranks, hosts: hosts)): \($0.value)"
        }
        return .disagreement(what: what, ranks: ranks.joined(separator: "; "))
    }

    private static let separator = "\u{1F}"
}
