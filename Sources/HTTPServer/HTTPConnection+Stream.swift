import NIOCore

// An answer in parts.
extension HTTPConnection {
    func send(_ parts: any AsyncSequence<ByteBuffer, any Error> & Sendable, _ form: ConnectionState.Form) {
        let task = Task(executorPreference: tasks) { await self.pass(on: parts, isChunked: !form.isHTTP10) }
        stream = (task, nil)
    }

    private func pass(on parts: any AsyncSequence<ByteBuffer, any Error> & Sendable, isChunked: Bool) async {
        do {
            for try await part in parts { try await send(part, isChunked: isChunked) }
            finishStream(isChunked: isChunked)
        } catch {
            perform(state.close())
        }
    }

    /// Returns when the client has read most of what there is.
    private func send(_ part: ByteBuffer, isChunked: Bool) async throws {
        try Task.checkCancellation()
        guard part.readableBytes > 0 else { return }
        let bytes = isChunked ? ResponseEncoder.chunk(part, allocator: channel.allocator) : part
        channel.writeAndFlush(bytes, promise: nil)
        guard !channel.isWritable, stream != nil else { return }
        state.streamBlocked(now: .now())
        perform(.nothing)
        await withCheckedContinuation { waiting in
            // That may have come in the meantime, or the end.
            guard stream != nil, !channel.isWritable else { return waiting.resume() }
            stream?.writable = waiting
        }
        // Of what is given up nothing more is taken.
        try Task.checkCancellation()
    }

    private func finishStream(isChunked: Bool) {
        stream = nil
        if isChunked { channel.writeAndFlush(ResponseEncoder.lastChunk, promise: nil) }
        perform(state.wrote(isWritable: channel.isWritable, now: .now()))
    }

    func resumeStream() {
        let writable = stream?.writable
        stream?.writable = nil
        writable?.resume()
    }
}
