import Files
import Foundation
import Testing

/// Answers to a POST as servers send them.
@Suite struct HTTPPostTests {
    private func body(_ text: String) throws -> String {
        String(decoding: try HTTPPost.body(of: Array(text.utf8)), as: UTF8.self)
    }

    @Test func aBodyIsAsLongAsItSays() throws {
        #expect(
            try body("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nX: y\r\n\r\n[1]\nmore") == "[1]\n")
        #expect(try body("HTTP/1.0 200 OK\r\n\r\n{}") == "{}")
    }

    @Test func piecesAreJoined() throws {
        #expect(
            try body(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "3\r\n{\"a\r\nA;x=1\r\n\": [1, 2]}\r\n0\r\n\r\n") == "{\"a\": [1, 2]}")
    }

    @Test(arguments: [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 9\r\n\r\nno\nscores", "found HTTP/1.1 500 Oops"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1]", "ended after 3 of 9 bytes"),
        ("SSH-2.0-x\r\n\r\n", "found no HTTP answer but 13 bytes"),
        ("", "found no HTTP answer but 0 bytes"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n[1]", "middle of a piece"),
    ]) func whatIsNoAnswerIsSaid(_ answer: String, _ message: String) {
        #expect {
            try body(answer)
        } throws: {
            "\($0)".contains(message) && !"\($0)".contains("\n")
        }
    }

    @Test(arguments: ["https://a/b", "a/b", "http://", "ftp://a", ""])
    func addressesAreChecked(_ address: String) {
        #expect {
            _ = try HTTPPost(to: address)
        } throws: {
            "\($0)".contains("expected http://HOST[:PORT]/PATH")
        }
    }

    /// Nobody listens on the port that nothing may use.
    @Test func aServerThatIsNotThereIsNamed() throws {
        let post = try HTTPPost(to: "http://127.0.0.1:1/x")
        #expect {
            _ = try post.send(Data("{}".utf8))
        } throws: {
            "\($0)".contains("127.0.0.1:1 takes no connection")
        }
    }
}
