import Foundation

/// A drawing as a list of marks, in units from the upper left corner.
struct PlotScene: Sendable {
    /// Something to draw; later marks cover earlier ones.
    enum Mark: Sendable {
        case line([PlotPoint], PlotColour, width: Double)
        case dot(PlotPoint, PlotColour, radius: Double)
        /// Text whose baseline is at the point.
        case text(String, at: PlotPoint, size: Double, TextAnchor)
    }

    /// Which part of a text is at its point.
    enum TextAnchor: String, Sendable {
        case start, middle, end
    }

    let width: Double
    let height: Double
    private(set) var marks: [Mark] = []

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    /// Draws `mark` over what is there.
    mutating func add(_ mark: Mark) { marks.append(mark) }
}

struct PlotPoint: Sendable, Equatable {
    var x: Double
    var y: Double
}

/// A colour as red, green and blue from 0 to 255.
struct PlotColour: Sendable, Equatable {
    let red: UInt8
    let green: UInt8
    let blue: UInt8

    static let ink = PlotColour(red: 51, green: 51, blue: 51)
    static let grid = PlotColour(red: 230, green: 230, blue: 230)
    static let lightBlue = PlotColour(red: 165, green: 197, blue: 226)
    static let darkBlue = PlotColour(red: 31, green: 97, blue: 160)
    static let orange = PlotColour(red: 224, green: 110, blue: 20)

    /// `#rrggbb`.
    var hex: String {
        "#"
            + [red, green, blue].map { part in
                let digits = String(part, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
    }
}

/// A stretch of numbers with round ticks.
struct PlotAxis: Sendable {
    private let lower: Double
    private let upper: Double
    /// Each tick with its label.
    let ticks: [(value: Double, label: String)]

    /// An axis over `from` to `to`; with `isWhole` it has only whole ticks and no margin.
    init(from: Double, to: Double, isWhole: Bool) {
        let span = to - from
        // A single value stands in the middle of a stretch of its own size.
        let margin =
            span > 0 ? (isWhole ? 0 : 0.05 * span) : max(abs(from) * 0.1, isWhole ? 1 : 0.1)
        lower = from - margin
        upper = to + margin
        var step = Self.roundStep((upper - lower) / (isWhole ? 8 : 10))
        if isWhole { step = max(1, step) }
        let first = (lower / step).rounded(.up)
        let last = (upper / step).rounded(.down)
        guard last >= first, last - first < 50 else {
            ticks = []
            return
        }
        let places = step >= 1 ? 0 : min(12, Int((-log10(step)).rounded(.up)))
        ticks = stride(from: first, through: last, by: 1).map { index in
            let value = index * step
            return (value, Self.label(value, step, places))
        }
    }

    /// Where a value stands: 0 at the lower end, 1 at the upper.
    func position(_ value: Double) -> Double { (value - lower) / (upper - lower) }

    private static func roundStep(_ rough: Double) -> Double {
        let magnitude = pow(10, log10(rough).rounded(.down))
        let lead = rough / magnitude
        return magnitude * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10)
    }

    private static func label(_ value: Double, _ step: Double, _ places: Int) -> String {
        if step >= 1000, value != 0 {
            let thousands = value / 1000
            return ReportText.fixed(
                thousands, step.truncatingRemainder(dividingBy: 1000) == 0 ? 0 : 1)
                + "k"
        }
        return ReportText.fixed(value, places)
    }
}
