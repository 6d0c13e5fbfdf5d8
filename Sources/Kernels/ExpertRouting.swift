private import CKernels
private import Glibc

/// Which experts each token goes to: the host's part of a routing.
package struct ExpertChoice: Sendable {
    package let experts: Int
    /// Experts a token goes to.
    package let chosen: Int
    /// (tokens, chosen): the expert of each choice.
    package let indices: [Int32]
    /// Tokens of each expert, ascending.
    package let tokens: [[Int32]]
    /// (tokens, chosen): the place of each choice among its expert's tokens.
    package let places: [Int32]

    init(experts: Int, chosen: Int, indices: [Int32]) {
        self.experts = experts
        self.chosen = chosen
        self.indices = indices
        var tokens = [[Int32]](repeating: [], count: experts)
        places = indices.enumerated().map { position, expert in
            tokens[Int(expert)].append(Int32(position / chosen))
            return Int32(tokens[Int(expert)].count - 1)
        }
        self.tokens = tokens
    }
}

extension Workspace {
    /// Softmax of logits (rows, experts) float32, and the `chosen` largest of each row.
    ///
    /// - Parameters:
    ///   - normalized: whether the weights of a row are divided by their sum.
    ///   - probabilities: (rows, experts) float32, written.
    ///   - weights: (rows, chosen) float32, written.
    package func route(
        _ logits: Buffer, rows: Int, experts: Int, chosen: Int, normalized: Bool,
        probabilities: Buffer, weights: Buffer
    ) -> ExpertChoice {
        precondition(chosen <= experts, "route: \(chosen) of \(experts) experts")
        var indices = [Int32](repeating: 0, count: rows * chosen)
        indices.withUnsafeMutableBufferPointer { indices in
            guard let base = indices.baseAddress else { return }
            threads.divide(rows, atLeast: 64) { range, _ in
                for row in range {
                    lk_route(
                        logits.floats + row * experts, experts, chosen, normalized,
                        probabilities.floats + row * experts, base + row * chosen,
                        weights.floats + row * chosen)
                }
            }
        }
        return ExpertChoice(experts: experts, chosen: chosen, indices: indices)
    }

    /// The gradient of ``route(_:rows:experts:chosen:normalized:probabilities:weights:)``.
    ///
    /// - Parameters:
    ///   - balance: (experts), a gradient that every row's probabilities have beside.
    ///   - dlogits: (rows, experts) float32, written.
    package func routeGradient(
        _ choice: ExpertChoice, rows: Int, normalized: Bool, probabilities: Buffer,
        weights: Buffer, dweights: Buffer, balance: [Float]?, into dlogits: Buffer
    ) {
        let (experts, chosen) = (choice.experts, choice.chosen)
        choice.indices.withUnsafeBufferPointer { indices in
            guard let base = indices.baseAddress else { return }
            (balance ?? []).withUnsafeBufferPointer { balance in
                let shared = balance.isEmpty ? nil : balance.baseAddress
                threads.divide(rows, atLeast: 64) { range, _ in
                    for row in range {
                        lk_route_gradient(
                            probabilities.floats + row * experts, base + row * chosen,
                            weights.floats + row * chosen, dweights.floats + row * chosen,
                            shared, experts, chosen, normalized, dlogits.floats + row * experts)
                    }
                }
            }
        }
    }

    /// y row i = x row rows[i], both of one type.
    package func copyRows(of x: Buffer, rows: [Int32], width: Int, into y: Buffer) {
        let bytes = width * x.type.bytes
        threads.divide(rows.count, atLeast: 16) { range, _ in
            for index in range {
                memcpy(
                    y.pointer + index * bytes, x.pointer + Int(rows[index]) * bytes, bytes)
            }
        }
    }

    /// y row rows[i] += x row i; no row is named twice.
    package func addRows(_ x: Buffer, to y: Buffer, rows: [Int32], width: Int) {
        threads.divide(rows.count, atLeast: 16) { range, _ in
            for index in range {
                lk_add(
                    y.type.rawValue, y.advanced(by: Int(rows[index]) * width).pointer,
                    x.type.rawValue, x.advanced(by: index * width).pointer, width)
            }
        }
    }

    /// y row t += Σ over its choices of weight · the expert's row for it. y (rows, width) float32.
    ///
    /// - Parameter outputs: by expert, (its tokens, width); `nil` for experts without tokens.
    package func addWeightedRows(
        of outputs: [Buffer?], _ choice: ExpertChoice, weights: Buffer, width: Int,
        rows: Int, to y: Buffer
    ) {
        threads.divide(rows, atLeast: 16) { range, _ in
            for position in range.lowerBound * choice.chosen..<range.upperBound * choice.chosen {
                guard let output = outputs[Int(choice.indices[position])] else { continue }
                lk_add_scaled(
                    output.type.rawValue,
                    output.advanced(by: Int(choice.places[position]) * width).pointer,
                    weights.floats[position], y.floats + position / choice.chosen * width, width)
            }
        }
    }

    /// The gradients of that: each expert's row = weight · dy row, dweights = ⟨dy row, row⟩.
    package func weightedRowsGradient(
        of outputs: [Buffer?], _ choice: ExpertChoice, weights: Buffer, width: Int, rows: Int,
        dy: Buffer, into doutputs: [Buffer?], dweights: Buffer
    ) {
        threads.divide(rows, atLeast: 16) { range, _ in
            for position in range.lowerBound * choice.chosen..<range.upperBound * choice.chosen {
                let expert = Int(choice.indices[position])
                guard let output = outputs[expert], let doutput = doutputs[expert] else {
                    continue
                }
                let start = Int(choice.places[position]) * width
                let gradient = dy.floats + position / choice.chosen * width
                dweights.floats[position] = lk_dot(
                    output.type.rawValue, output.advanced(by: start).pointer, gradient, width)
                lk_store_scaled(
                    doutput.type.rawValue, gradient, weights.floats[position],
                    doutput.advanced(by: start).pointer, width)
            }
        }
    }
}
