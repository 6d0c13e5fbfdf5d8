import CZlib
import Foundation
import Reports
import TestSupport
import Testing

@Suite struct LossPlotTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func draw(
        _ steps: [Int], evaluations: [Int] = [], writesPNG: Bool = false, title: String = "tiny",
        loss: (Int) -> Double = { 8 / (1 + Double($0) / 10) }
    ) throws {
        let plot = LossPlot(folder: folder.path, title: title, writesPNG: writesPNG)
        for step in steps { try plot.stepLogged(stepReport(step, loss: loss(step))) }
        for step in evaluations { try plot.evaluationFinished(evaluationReport(step)) }
        try plot.draw()
    }

    /// The points of the curve in `colour`.
    private func points(_ colour: String) throws -> [[Double]] {
        let line = try folder.read("training_loss.svg").split(separator: "\n").first {
            $0.hasPrefix("<polyline") && $0.contains("stroke=\"\(colour)\"")
        }
        let path = try #require(line).split(separator: "\"")[1]
        return path.split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
    }

    @Test func theSVGIsWellFormedAndHoldsItsParts() throws {
        try draw(Array(1...50), evaluations: [25, 50], title: "a < b & c")
        let parser = XMLCounter()
        #expect(parser.parse(Data(try folder.read("training_loss.svg").utf8)))
        #expect(parser.counts["svg"] == 1 && (parser.counts["text"] ?? 0) > 12)
        #expect(parser.counts["circle"] == 2)
        #expect(parser.texts.contains("a < b & c"))
        #expect(parser.texts.contains("loss, smoothed") && parser.texts.contains("evaluation loss"))
        #expect(try folder.names() == ["training_loss.svg"])
    }

    @Test func curvesRunFromTheFirstToTheLastStep() throws {
        try draw(Array(1...50))
        let raw = try points("#a5c5e2")
        #expect(raw.count == 50)
        #expect(raw.first?[0] == 78 && raw.last?[0] == 930)
        // Losses fall, so heights do, and y grows downwards.
        #expect(zip(raw, raw.dropFirst()).allSatisfy { $0[1] < $1[1] })
    }

    /// For two losses the weight is 1.8 (σ(0.1) - 0.5) = 0.0449625.
    @Test func smoothingIsLLaMAFactorys() throws {
        try draw([1, 2], loss: { $0 == 1 ? 2 : 1 })
        let raw = try points("#a5c5e2")
        let smooth = try points("#1f61a0")
        #expect(smooth[0] == raw[0])
        let part = (raw[1][1] - smooth[1][1]) / (raw[1][1] - raw[0][1])
        #expect(abs(part - 0.0449625) < 1e-4)
    }

    @Test func longRunsAreThinnedButKeepTheirExtremes() throws {
        try draw(Array(1...20_000), loss: { $0 == 7777 ? 50 : 3 })
        let raw = try points("#a5c5e2")
        #expect(raw.count <= 1000)
        let highest = raw.map { $0[1] }.min() ?? 0
        #expect(highest < 100)
    }

    @Test func oddHistoriesAreDrawnToo() throws {
        try draw([5])
        #expect(try folder.read("training_loss.svg").contains("<circle"))
        let histories: [(title: String, loss: (Int) -> Double)] = [
            ("flat", { _ in 2 }), ("not a number", { $0 == 5 ? .nan : Double($0) }),
            ("naïve ✓", { 1e-9 * Double($0) }),
            (String(repeating: "W", count: 500), { Double($0) }),
            ("huge", { 1e30 * Double($0) }),
        ]
        for (title, loss) in histories {
            try draw([5, 6, 7], writesPNG: true, title: title, loss: loss)
            let text = try folder.read("training_loss.svg")
            #expect(XMLCounter().parse(Data(text.utf8)))
            #expect(!text.contains("nan") && !text.contains("inf"), "\(title)")
            let heights = try points("#a5c5e2").map { $0[1] }
            #expect(heights.allSatisfy { (0...700).contains($0) }, "\(title): \(heights)")
            #expect(heights.count >= 2 && (title == "flat") == (heights.first == heights.last))
            #expect(try folder.names().contains("training_loss.png"))
        }
    }

    @Test func nothingIsWrittenBeforeTheFirstLoss() throws {
        try draw([])
        try draw([1], loss: { _ in .nan })
        #expect(try folder.names().isEmpty)
    }

    @Test func thePNGHasSoundChunks() throws {
        try draw(Array(1...300), evaluations: [100, 200, 300], writesPNG: true)
        let bytes = [UInt8](
            try Data(contentsOf: folder.url.appendingPathComponent("training_loss.png")))
        #expect(bytes.prefix(8) == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
        #expect(bytes.count < 200_000)
        func number(_ index: Int) -> Int {
            bytes[index..<index + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        var position = 8
        var types: [String] = []
        while position + 12 <= bytes.count {
            types.append(String(decoding: bytes[position + 4..<position + 8], as: UTF8.self))
            position += 12 + number(position)
        }
        #expect(types == ["IHDR", "IDAT", "IEND"] && position == bytes.count)
        let (width, height) = (number(16), number(20))
        #expect(width == 1200 && height == 700)
        // The check of an empty IEND, as any PNG ends.
        #expect(bytes.suffix(4) == [0xae, 0x42, 0x60, 0x82])
        var pixels = [UInt8](repeating: 0, count: height * (1 + 3 * width))
        var length = uLong(pixels.count)
        let start = 8 + 25 + 8
        let packed = Array(bytes[start..<start + number(8 + 25)])
        #expect(uncompress(&pixels, &length, packed, uLong(packed.count)) == Z_OK)
        #expect(Int(length) == pixels.count)
        // White corners; somewhere the curve's colour.
        #expect(pixels[1..<4] == [255, 255, 255])
        var row = [UInt8](repeating: 0, count: 3 * width)
        var hasCurve = false
        for line in 0..<height {
            let start = line * (1 + 3 * width)
            #expect(pixels[start] == 2)
            for index in row.indices { row[index] &+= pixels[start + 1 + index] }
            hasCurve =
                hasCurve
                || (0..<width).contains {
                    row[3 * $0] == 0x1f && row[3 * $0 + 1] == 0x61 && row[3 * $0 + 2] == 0xa0
                }
        }
        #expect(hasCurve)
    }
}

/// Counts elements of an XML text and collects what stands between them.
private final class XMLCounter {
    var counts: [String: Int] = [:]
    var texts: [String] = []

    /// Whether every element is closed in order and every text is escaped.
    func parse(_ data: Data) -> Bool {
        var open: [Substring] = []
        var rest = Substring(String(decoding: data, as: UTF8.self))
        while let start = rest.firstIndex(of: "<") {
            let text = rest[..<start].trimmingCharacters(in: .whitespacesAndNewlines)
            if text.contains(">") { return false }
            if !text.isEmpty {
                texts.append(
                    text.replacing("&lt;", with: "<").replacing("&gt;", with: ">")
                        .replacing("&amp;", with: "&"))
            }
            guard let end = rest[start...].firstIndex(of: ">") else { return false }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                guard open.popLast() == tag.dropFirst() else { return false }
                continue
            }
            let name = tag.prefix { !" /".contains($0) }
            counts[String(name), default: 0] += 1
            if !tag.hasSuffix("/") { open.append(name) }
        }
        return open.isEmpty
    }
}
