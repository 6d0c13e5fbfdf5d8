private import CKernels

/// A piece of each row that another row takes over: `count` elements from `source` to `target`.
package struct RowPiece: Sendable {
    package let source: Int
    package let target: Int
    package let count: Int

    package init(from source: Int, to target: Int, count: Int) {
        self.source = source
        self.target = target
        self.count = count
    }

    /// The way back.
    package var reversed: RowPiece { RowPiece(from: target, to: source, count: count) }
}

extension Workspace {
    /// y (rows, width) = the pieces of x (rows, width), both of one type.
    package func movePieces(
        _ pieces: [RowPiece], of x: Buffer, into y: Buffer, rows: Int, width: Int
    ) {
        threads.divide(rows, atLeast: 16) { range, _ in
            for row in range {
                for piece in pieces {
                    lk_convert(
                        x.type.rawValue, x.advanced(by: row * width + piece.source).pointer,
                        y.type.rawValue, y.advanced(by: row * width + piece.target).pointer,
                        piece.count)
                }
            }
        }
    }

    /// y (rows, width) = f(gate) · up of x (rows, 2 · width): first gate, then up.
    package func gateRows(_ kind: Activation, _ x: Buffer, into y: Buffer, rows: Int, width: Int) {
        threads.divide(rows, atLeast: 4) { range, _ in
            for row in range {
                lk_gated(
                    kind.rawValue, x.type.rawValue, x.advanced(by: 2 * row * width).pointer,
                    x.advanced(by: (2 * row + 1) * width).pointer,
                    y.advanced(by: row * width).pointer, width)
            }
        }
    }

    /// dx (rows, 2 · width): dy · up · f′(gate), then dy · f(gate).
    package func gateRowsGradient(
        _ kind: Activation, _ x: Buffer, _ dy: Buffer, into dx: Buffer, rows: Int, width: Int
    ) {
        threads.divide(rows, atLeast: 4) { range, _ in
            for row in range {
                let (gate, up) = (2 * row * width, (2 * row + 1) * width)
                lk_gated_gradient(
                    kind.rawValue, x.type.rawValue, x.advanced(by: gate).pointer,
                    x.advanced(by: up).pointer, dy.advanced(by: row * width).pointer,
                    dx.advanced(by: gate).pointer, dx.advanced(by: up).pointer, width)
            }
        }
    }
}

/// Rows of elements that lie apart: row r begins at `buffer[r · stride]`.
package struct SpacedRows {
    package let buffer: Buffer
    /// Elements from one row to the next.
    package let stride: Int

    package init(_ buffer: Buffer, stride: Int) {
        self.buffer = buffer
        self.stride = stride
    }
}

extension Workspace {
    /// y = x, or y += x, in y's type: `rows` rows of `width` elements.
    package func copy(
        _ x: SpacedRows, into y: SpacedRows, rows: Int, width: Int, adding: Bool = false
    ) {
        threads.divide(rows, atLeast: max(1, 16_384 / max(width, 1))) { range, _ in
            for row in range {
                let source = x.buffer.advanced(by: row * x.stride)
                let target = y.buffer.advanced(by: row * y.stride)
                if adding {
                    lk_add(
                        target.type.rawValue, target.pointer, source.type.rawValue, source.pointer,
                        width)
                } else {
                    lk_convert(
                        source.type.rawValue, source.pointer, target.type.rawValue, target.pointer,
                        width)
                }
            }
        }
    }
}
