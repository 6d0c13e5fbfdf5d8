import Serving
import Testing

@Suite struct AnswerReaderTests {
    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

    /// The body of an answer that comes in pieces of so many bytes; `nil` where it is none.
    private func read(_ text: String, pieces: Int) -> (body: String, isWhole: Bool)? {
        var reader = AnswerReader()
        var parts: [AnswerReader.Part] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            let piece = bytes[start..<min(start + pieces, bytes.count)]
            guard let more = reader.read(piece) else { return nil }
            parts += more
        }
        var body: [UInt8] = []
        for part in parts { if case .body(let bytes) = part { body += bytes } }
        #expect(parts.isEmpty || parts.count { $0 == .end } <= 1)
        return (String(decoding: body, as: UTF8.self), reader.isWhole)
    }

    @Test(arguments: [1, 2, 3, 7, 1000]) func bodiesComeInEveryForm(pieces: Int) {
        let sized = read(Self.head + "Content-Length: 5\r\n\r\nhello", pieces: pieces)
        #expect(sized?.body == "hello" && sized?.isWhole == true)
        let chunked = read(
            Self.head
                + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel\r\n\r\nA;x=1\r\n0123456789\r\n0\r\n"
                + "trailer: x\r\n\r\n", pieces: pieces)
        #expect(chunked?.body == "hel\r\n0123456789" && chunked?.isWhole == true)
        let open = read(Self.head + "\r\nhello", pieces: pieces)
        #expect(open?.body == "hello" && open?.isWhole == true)
        let empty = read(Self.head + "content-length: 0\r\n\r\n", pieces: pieces)
        #expect(empty?.body == "" && empty?.isWhole == true)
    }

    @Test func headsAreRead() {
        var reader = AnswerReader()
        let parts = reader.read("HTTP/1.1 429 Too Many\r\nRetry-After:  3 \r\n\r\n".utf8)
        #expect(parts == [.head(status: 429, headers: ["retry-after": "3"])])
    }

    @Test(arguments: [
        "Content-Length: 5\r\n\r\nhell", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "Content-Le",
    ])
    func anAnswerThatBreaksOffIsNotWhole(text: String) {
        #expect(read(Self.head + text, pieces: 1000)?.isWhole == false)
    }

    @Test(arguments: [
        "SSH-2.0\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nx: " + String(repeating: "x", count: 70_000),
    ])
    func whatIsNoAnswerIsRefused(text: String) { #expect(read(text, pieces: 4096) == nil) }
}
