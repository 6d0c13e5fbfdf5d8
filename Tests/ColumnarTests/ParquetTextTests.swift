import Columnar
import Foundation
import Testing

/// Letters, days and digits.
@Suite struct ParquetTextTests {
    private func withView<Result>(_ bytes: [UInt8], _ body: (ByteView) -> Result) -> Result {
        bytes.withUnsafeBytes { body(ByteView($0)) }
    }

    @Test func textsAreEscapedAsJSON() throws {
        var generator = SystemRandomNumberGenerator()
        let letters =
            (0..<0x90).map { Unicode.Scalar(UInt8($0)) } + Array("\"\\\u{7F}東🙂".unicodeScalars)
        for length in 0..<200 {
            var text = String.UnicodeScalarView()
            for _ in 0..<length { text.append(letters.randomElement(using: &generator) ?? "a") }
            let string = String(text)
            let line = withView(Array(string.utf8)) { view in
                var line = JSONLine()
                line.text(view)
                return line.bytes
            }
            #expect(!line.contains { $0 < 0x20 || $0 == 0x7F })
            let read = try JSONSerialization.jsonObject(
                with: Data(line), options: .fragmentsAllowed)
            #expect((read as? String)?.unicodeScalars.elementsEqual(text) == true)
        }
    }

    /// Swift's own decoder is the oracle.
    @Test func textsThatAreNotUTF8AreFound() {
        var generator = SystemRandomNumberGenerator()
        let pieces: [[UInt8]] = [
            [0x61], [0x80], [0xC1, 0x80], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0x9F, 0xBF],
            [0xE0, 0xA0, 0x80],
            [0xED, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xEF, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5],
            [0xE6, 0x9D],
            [0xF0, 0x9F, 0x99], Array("eight ASCII letters".utf8),
        ]
        for _ in 0..<5000 {
            let count = Int.random(in: 0..<5, using: &generator)
            let bytes = (0..<count).flatMap { _ in pieces.randomElement(using: &generator) ?? [] }
            #expect(
                withView(bytes) { $0.isUTF8 } == (String(validating: bytes, as: UTF8.self) != nil),
                "\(bytes)")
        }
    }

    @Test func daysBeyondPythonsYearsHaveSigns() {
        #expect(CalendarText.date(0) == "1970-01-01")
        #expect(CalendarText.date(-1) == "1969-12-31")
        #expect(CalendarText.date(11_016) == "2000-02-29")
        #expect(CalendarText.date(-719_163) == "0000-12-31")
        #expect(CalendarText.date(-719_529) == "-0001-12-31")
        #expect(CalendarText.date(2_932_897) == "+10000-01-01")
        #expect(CalendarText.timestamp(.min, .milliseconds, isUTC: true).hasSuffix("+00:00"))
        #expect(
            CalendarText.timestamp(.max, .nanoseconds, isUTC: false).hasPrefix("2262-04-11 23:47"))
        #expect(
            CalendarText.timestamp(.max, .seconds, isUTC: false).hasPrefix("+292277026596-12-"))
        #expect(CalendarText.time(86_400_000, .milliseconds) == nil)
        #expect(CalendarText.time(-1, .microseconds) == nil)
    }

    @Test func datesOfBothFormatsAreWrittenAlike() throws {
        let zones = [
            try ArrowZone("+23:59", column: "a"), try ArrowZone("Europe/Berlin", column: "a"),
        ]
        for unit in [TimeUnit.seconds, .milliseconds, .microseconds, .nanoseconds] {
            for count in [Int64.min, -62_135_596_801, 0, 253_402_300_800, .max] {
                #expect(
                    ArrowTimeText.timestamp(unit, nil).of(count)
                        == CalendarText.timestamp(count, unit, isUTC: false))
                for zone in zones { #expect(ArrowTimeText.timestamp(unit, zone).of(count) != nil) }
            }
        }
        #expect(
            ArrowTimeText.timestamp(.seconds, zones[0]).of(253_402_300_799)
                == "+10000-01-01 23:58:59+23:59")
        #expect(ArrowTimeText.date(isDays: true).of(2_932_897) == "+10000-01-01")
        #expect(ArrowTimeText.date(isDays: false).of(-1) == "1969-12-31")
        #expect(ArrowTimeText.date(isDays: false).of(.min)?.hasPrefix("-") == true)
    }

    @Test func decimalsHaveAllTheirDigits() {
        #expect(DecimalText.text(.min, scale: 0) == "-9223372036854775808")
        #expect(DecimalText.text(-5, scale: 3) == "-0.005")
        #expect(withView([0xFF]) { DecimalText.text($0, scale: 2) } == "-0.01")
        #expect(withView([0x80, 0]) { DecimalText.text($0, scale: 0) } == "-32768")
        #expect(withView([0, 0, 0, 0]) { DecimalText.text($0, scale: 1) } == "0.0")
        let largest = withView([0x7F] + [UInt8](repeating: 0xFF, count: 15)) {
            DecimalText.text($0, scale: 0)
        }
        #expect(largest == "170141183460469231731687303715884105727")
        #expect(
            withView([1] + [UInt8](repeating: 0, count: 32)) { DecimalText.text($0, scale: 0) }
                == nil)
        #expect(
            withView([0, 0, 0xFF, 0xFF, 0xFF, 0xFF]) { DecimalText.text($0, scale: 0) }
                == "4294967295")
        #expect(
            withView([0xFF, 0xFF, 0, 0, 0, 0]) { DecimalText.text($0, scale: 9) }
                == "-4.294967296")
        #expect(DecimalText.text(5, scale: -3) == "5000")
        #expect(withView([]) { DecimalText.text($0, scale: 0) } == nil)
    }
}
