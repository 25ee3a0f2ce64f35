import NIOCore

// What comes in.
extension HTTPConnection {
    func received(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.discardReadBytes()
            input.writeImmutableBuffer(bytes)
        }
        perform(.nothing)
    }

    /// Reads what came as far as the state wants to hear of it.
    func takeIn() {
        // It is called for again by what it leads to.
        guard !isTakingIn else { return }
        isTakingIn = true
        defer { isTakingIn = false }
        while takeNext() {}
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    /// - Returns: whether there may be more to take.
    private func takeNext() -> Bool {
        switch state.intake {
        case .parsing:
            guard input.readableBytes > 0 || isInputClosed || !parser.isBetweenRequests else { return false }
            return parse(now: .now())
        case .pausing:
            guard input.readableBytes > shared.limits.bytesAheadMax else { return false }
            carryOut(state.receivedTooMuch())
            return true
        case .handingOver:
            if input.readableBytes > shared.limits.bytesAheadMax {
                carryOut(state.close())
                return true
            }
            closeInput()
        case .dropping:
            closeInput()
            let count = input.readableBytes
            input = ByteBuffer()
            if count > 0 { carryOut(state.dropped(bytes: count)) }
        }
        return false
    }

    private func parse(now: NIODeadline) -> Bool {
        do {
            switch try parser.next(in: &input) {
            case .head(var request)?:
                request.receivedAt = now
                let decision = shared.decide(&request)
                carryOut(state.received(request, decision, now: now))
            case .body(let bytes)?: carryOut(state.received(bytes, now: now))
            case .end?: carryOut(state.receivedEnd(now: now))
            case nil:
                if input.readableBytes > 0 || !parser.isBetweenRequests { state.receivedBytes(now: now) }
                closeInput()
                return false
            }
        } catch {
            carryOut(state.refuse(error, now: now))
        }
        return true
    }

    /// Nothing is left to be read of what the client sent before it closed its side.
    private func closeInput() {
        guard isInputClosed else { return }
        isInputClosed = false
        carryOut(state.inputClosed(now: .now()))
    }
}
