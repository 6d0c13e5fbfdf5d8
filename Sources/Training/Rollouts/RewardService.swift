import Files
import Foundation

/// A server that scores texts: LLaMA-Factory's `reward_model_type: api`. It is asked with
/// `{"model": "model", "messages": [text, …]}` and answers `{"scores": [number, …]}`.
struct RewardService: Sendable {
    private let post: HTTPPost
    private let address: String
    /// How often one that does not answer is asked, and after how many seconds.
    private static let pauses = [1, 4]

    /// - Throws: ``TrainingError/user(_:)`` for what is no address.
    init(_ address: String) throws(TrainingError) {
        self.address = address
        do {
            post = try HTTPPost(to: address)
        } catch {
            throw .user("reward_model: \(error)")
        }
    }

    /// A score of each text.
    ///
    /// - Parameters:
    ///   - texts: whole, prompt and answer, with their special tokens.
    ///   - stepped: called between two attempts, to see that it goes on.
    /// - Throws: ``TrainingError/user(_:)`` where the server does not answer, or not so many numbers.
    func scores(of texts: [String], stepped: () -> Void = {}) throws(TrainingError) -> [Double] {
        guard !texts.isEmpty else { return [] }
        let body = JSONValue.object([
            ("model", .string("model")), ("messages", .array(texts.map(JSONValue.string))),
        ]).text()
        return try Self.scores(try answer(Data(body.utf8), stepped), of: texts.count, from: address)
    }

    private func answer(_ body: Data, _ stepped: () -> Void) throws(TrainingError) -> Data {
        var pauses = Self.pauses[...]
        while true {
            do throws(HTTPPost.Failure) {
                return try post.send(body)
            } catch {
                // What it says itself, it would say again.
                guard case .connection = error, let pause = pauses.popFirst() else {
                    throw .user("reward_model '\(address)' gave no scores: \(error)")
                }
                stepped()
                Thread.sleep(forTimeInterval: Double(pause))
            }
        }
    }

    /// The numbers of an answer.
    static func scores(
        _ answer: Data, of count: Int, from address: String
    ) throws(TrainingError) -> [Double] {
        let value = try? JSONValueReader.read([UInt8](answer)[...])
        let scores = value?["scores"]?.array?.compactMap(\.double)
        guard let scores, scores.count == count, scores.allSatisfy(\.isFinite) else {
            let text = String(decoding: answer.prefix(120), as: UTF8.self)
                .replacing("\n", with: " ")
            throw .user(
                "reward_model '\(address)': found \(text), expected {\"scores\": […]} with "
                    + "\(count) numbers")
        }
        return scores
    }
}
