import Files
import Foundation

/// A server that scores texts: LLaMA-Factory's `reward_model_type: api`. It is asked with
/// `{"model": "model", "messages": [text, …]}` and answers `{"scores": [number, …]}`.
package struct RewardService: Sendable {
    private let post: HTTPPost
    private let address: String
    /// How often one that does not answer is asked, and after how many seconds.
    private static let pauses = [1, 4]

    /// - Parameter patience: seconds that may pass without a byte of an answer.
    /// - Throws: ``RewardError/server(_:problem:)`` for what is no address.
    package init(_ address: String, patience: Int = 600) throws(RewardError) {
        self.address = address
        do {
            post = try HTTPPost(to: address, patience: patience)
        } catch {
            throw .server(address, problem: "cannot be asked: \(error)")
        }
    }

    /// A score of each text.
    ///
    /// - Parameters:
    ///   - texts: whole, prompt and answer, with their special tokens.
    ///   - stepped: called between two attempts, to see that it goes on.
    /// - Throws: ``RewardError/server(_:problem:)`` where it does not answer, or not so many numbers.
    package func scores(
        of texts: [String], stepped: () -> Void = {}
    ) throws(RewardError) -> [Double] {
        guard !texts.isEmpty else { return [] }
        let body = JSONValue.object([
            ("model", .string("model")), ("messages", .array(texts.map(JSONValue.string))),
        ]).text()
        return try scores(try answer(Data(body.utf8), stepped), of: texts.count)
    }

    private func answer(_ body: Data, _ stepped: () -> Void) throws(RewardError) -> Data {
        var pauses = Self.pauses[...]
        while true {
            do throws(HTTPPost.Failure) {
                return try post.send(body)
            } catch {
                // What it says itself, it would say again.
                guard case .connection = error, let pause = pauses.popFirst() else {
                    throw .server(address, problem: "gave no scores: \(error)")
                }
                stepped()
                Thread.sleep(forTimeInterval: Double(pause))
            }
        }
    }

    /// The numbers of an answer.
    private func scores(_ answer: Data, of count: Int) throws(RewardError) -> [Double] {
        let value = try? JSONValueReader.read([UInt8](answer)[...])
        let scores = value?["scores"]?.array?.compactMap(\.double)
        guard let scores, scores.count == count, scores.allSatisfy(\.isFinite) else {
            let text = String(decoding: answer.prefix(120), as: UTF8.self)
                .replacing("\n", with: " ")
            throw .server(
                address,
                problem: "answered \(text), expected {\"scores\": […]} with \(count) numbers")
        }
        return scores
    }
}
