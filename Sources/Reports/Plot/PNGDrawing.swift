import Foundation

/// A scene as pixels, drawn here since no drawing library is at hand on a cluster node.
enum PNGDrawing {
    /// Pixels a unit.
    private static let scale = 1.25

    /// The scene as the bytes of a .png file.
    static func file(of scene: PlotScene) -> Data {
        var canvas = PixelCanvas(
            width: Int(scene.width * scale), height: Int(scene.height * scale))
        for mark in scene.marks {
            switch mark {
            case .line(let points, let colour, let width):
                canvas.drawLine(points.map(pixels), colour, width: width * scale)
            case .dot(let point, let colour, let radius):
                // A line of no length is a disc.
                let centre = pixels(point)
                canvas.drawLine([centre, centre], colour, width: 2 * radius * scale)
            case .text(let words, let point, let size, let anchor):
                let magnification = max(1, Int((size * scale / 9).rounded()))
                canvas.drawText(words, at: pixels(point), magnification, anchor)
            }
        }
        return PNGFile.data(width: canvas.width, height: canvas.height, rgb: canvas.rgb)
    }

    private static func pixels(_ point: PlotPoint) -> PlotPoint {
        PlotPoint(x: point.x * scale, y: point.y * scale)
    }
}

/// A white sheet of pixels to draw on.
struct PixelCanvas {
    let width: Int
    let height: Int
    /// Red, green and blue of each pixel, row by row.
    private(set) var rgb: [UInt8]

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        rgb = [UInt8](repeating: 255, count: 3 * width * height)
    }

    /// Draws a line of round ends and joints with smooth edges.
    ///
    /// A pixel is covered as much as its centre lies inside the line's edge; where segments
    /// overlap, the larger cover counts.
    mutating func drawLine(_ points: [PlotPoint], _ colour: PlotColour, width lineWidth: Double) {
        guard points.count > 1 else { return }
        var cover: [Int: Double] = [:]
        for (start, end) in zip(points, points.dropFirst()) {
            addCover(of: start, end, reach: lineWidth / 2 + 0.5, to: &cover)
        }
        for (pixel, part) in cover { blend(pixel, colour, part) }
    }

    private func addCover(
        of start: PlotPoint, _ end: PlotPoint, reach: Double, to cover: inout [Int: Double]
    ) {
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let squaredLength = dx * dx + dy * dy
        let rows = clamped(min(start.y, end.y) - reach, max(start.y, end.y) + reach, height)
        for row in rows {
            let y = Double(row) + 0.5
            // Only the part of the row that the segment can touch.
            var (low, high) = (min(start.x, end.x), max(start.x, end.x))
            if abs(dy) > 1e-9 {
                let near = start.x + (y - reach * 1.5 - start.y) / dy * dx
                let far = start.x + (y + reach * 1.5 - start.y) / dy * dx
                (low, high) = (max(low, min(near, far)), min(high, max(near, far)))
            }
            for column in clamped(low - 2 * reach, high + 2 * reach, width) {
                let x = Double(column) + 0.5
                let along =
                    squaredLength > 0
                    ? max(0, min(1, ((x - start.x) * dx + (y - start.y) * dy) / squaredLength)) : 0
                let (offX, offY) = (x - start.x - along * dx, y - start.y - along * dy)
                let part = min(1, reach - (offX * offX + offY * offY).squareRoot())
                guard part > 0 else { continue }
                let pixel = row * width + column
                cover[pixel] = max(cover[pixel] ?? 0, part)
            }
        }
    }

    private func clamped(_ low: Double, _ high: Double, _ size: Int) -> Range<Int> {
        let first = max(0, min(Double(size), low.rounded(.down)))
        let last = max(first, min(Double(size), high.rounded(.up)))
        return Int(first)..<Int(last)
    }

    private mutating func blend(_ pixel: Int, _ colour: PlotColour, _ part: Double) {
        for (channel, value) in [colour.red, colour.green, colour.blue].enumerated() {
            let index = 3 * pixel + channel
            let mixed = Double(rgb[index]) * (1 - part) + Double(value) * part
            rgb[index] = UInt8(mixed.rounded())
        }
    }

    /// Draws text with the built-in letters, each `magnification` times its size of 5 by 7.
    mutating func drawText(
        _ text: String, at point: PlotPoint, _ magnification: Int, _ anchor: PlotScene.TextAnchor
    ) {
        let advance = 6 * magnification
        let length = Double(text.count * advance - magnification)
        let start =
            switch anchor {
            case .start: point.x
            case .middle: point.x - length / 2
            case .end: point.x - length
            }
        let top = Int(point.y.rounded()) - 7 * magnification
        for (index, character) in text.enumerated() {
            let left = Int(start.rounded()) + index * advance
            for (column, bits) in PixelFont.columns(of: character).enumerated() {
                for row in 0..<8 where bits >> row & 1 == 1 {
                    fill(
                        left + column * magnification, top + row * magnification, magnification)
                }
            }
        }
    }

    private mutating func fill(_ left: Int, _ top: Int, _ size: Int) {
        for y in clamped(Double(top), Double(top + size), height) {
            for x in clamped(Double(left), Double(left + size), width) {
                blend(y * width + x, .ink, 1)
            }
        }
    }
}
