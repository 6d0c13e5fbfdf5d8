/// Scores by a server of the user's, which is asked for all completions of a rank at once, as
/// ``RewardService`` says.
package struct ServiceReward: Reward {
    private let service: RewardService

    /// - Parameters:
    ///   - address: http://HOST[:PORT]/PATH.
    ///   - timeout: seconds that may pass without a byte of an answer.
    /// - Throws: ``RewardError/server(_:problem:)`` for what is no address.
    package init(_ address: String, timeout: Double) throws(RewardError) {
        service = try RewardService(address, patience: max(1, Int(timeout.rounded(.up))))
    }

    package func scores(of items: [RewardItem]) throws(RewardError) -> [Double?] {
        try service.scores(of: items.map(\.text))
    }
}
