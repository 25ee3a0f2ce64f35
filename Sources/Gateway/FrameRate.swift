import NIOCore
import NIOWebSocket

/// Whether a client's next frame is one too many. The pong it owes is not counted as the client's.
struct FrameRate: Sendable {
    private var frames: TokenBucket
    private var isPongDue = false

    init(now: NIODeadline) {
        frames = TokenBucket(
            perSecond: GatewayLimits.framesPerSecondMax, burst: GatewayLimits.framesBurstMax, now: now)
    }

    /// The client is sent a ping: one pong is owed to us.
    mutating func pinged() { isPongDue = true }

    mutating func allows(_ opcode: WebSocketOpcode, now: NIODeadline) -> Bool {
        if isPongDue, opcode == .pong {
            isPongDue = false
            return true
        }
        return frames.take(now: now)
    }
}
