import Logging
import Logs
import NIOCore
import PresenceCore
import Synchronization

/// Who may have another socket on this worker, and who may log in. Shared by its event loops.
///
/// A socket counts from its upgrade on. Those whose token is not verified yet have a share of the places only, and an
/// address a share of that; they spend none of the logins of a second, and an address that shows bad tokens is soon
/// not verified any more.
final class Admission: Sendable {
    /// A socket's place, to be left when it closes.
    struct Place: Sendable {
        let network: String
        fileprivate(set) var isVerified: Bool
    }

    private struct Sockets {
        var count = 0
        var unverified = 0

        mutating func add(_ place: Place) {
            count += 1
            if !place.isVerified { unverified += 1 }
        }

        mutating func remove(_ place: Place) {
            count -= 1
            if !place.isVerified { unverified -= 1 }
        }

        mutating func replace(_ place: Place, with other: Place) {
            remove(place)
            add(other)
        }
    }

    private struct Address {
        var sockets = Sockets()
        var badTokens: TokenBucket

        func isIdle(_ now: NIODeadline) -> Bool { sockets.count == 0 && badTokens.isFull(now: now) }
    }

    private struct State {
        var sockets = Sockets()
        /// By network.
        var addresses: [String: Address] = [:]
        /// When there are more the idle ones are looked for.
        var addressesMax = GatewayLimits.idleAddressesMax
        var logins: TokenBucket

        mutating func forgetIdle(_ now: NIODeadline) {
            guard addresses.count > addressesMax else { return }
            addresses = addresses.filter { !$0.value.isIdle(now) }
            addressesMax = max(GatewayLimits.idleAddressesMax, 2 * addresses.count)
        }
    }

    private let state: Mutex<State>
    private let options: GatewayOptions
    private let warnings: PacedWarnings<RefusalWarning>

    init(_ options: GatewayOptions, logger: Logger, now: NIODeadline = .now()) {
        self.options = options
        warnings = PacedWarnings(logger)
        let rate = options.loginRateMax
        state = Mutex(State(logins: TokenBucket(perSecond: rate, burst: rate, now: now)))
    }

    /// Gives a socket a place.
    /// - Parameter isVerified: where no token is asked for.
    func enter(_ address: String, isVerified: Bool, now: NIODeadline = .now()) throws(Refusal) -> Place {
        let place = Place(network: NetworkAddress.network(of: address), isVerified: isVerified)
        try state.withLock { state throws(Refusal) in
            var address =
                state.addresses[place.network]
                ?? Address(
                    badTokens: TokenBucket(
                        perSecond: GatewayLimits.badTokensPerSecondMax, burst: GatewayLimits.badTokensBurstMax, now: now
                    ))
            guard address.sockets.count < options.socketsPerAddressMax,
                isVerified || address.sockets.unverified < options.unverifiedPerAddressMax
            else { throw .tooManyOfAddress }
            guard state.sockets.count < options.socketsMax,
                isVerified || state.sockets.unverified < options.unverifiedMax
            else { throw .overloaded }
            state.sockets.add(place)
            address.sockets.add(place)
            state.addresses[place.network] = address
            state.forgetIdle(now)
        }
        return place
    }

    /// Lets a client log in whose token is good, if there is a login left of this second.
    /// - Parameter verify: what takes time. It is not done for nothing: not without a login left, and not for an address
    ///   that has shown too many bad tokens.
    func login<Proof>(
        _ place: inout Place, now: NIODeadline = .now(), verify: () throws(Refusal) -> Proof
    ) throws(Refusal) -> Proof {
        try state.withLock { [network = place.network] state throws(Refusal) in
            guard state.addresses[network]?.badTokens.hasOne(now: now) == true else { throw .tooManyBadTokens }
            guard state.logins.hasOne(now: now) else { throw .tooManyLogins }
        }
        let proof: Proof
        do { proof = try verify() } catch {
            state.withLock { [network = place.network] in _ = $0.addresses[network]?.badTokens.take(now: now) }
            throw error
        }
        var verified = place
        verified.isVerified = true
        try state.withLock { [place, verified] state throws(Refusal) in
            guard state.logins.take(now: now) else { throw .tooManyLogins }
            state.sockets.replace(place, with: verified)
            state.addresses[place.network]?.sockets.replace(place, with: verified)
        }
        place = verified
        return proof
    }

    /// Lets the operator know of a client that was not let in.
    func tell(of refusal: Refusal, from address: String, saying more: LogMetadata = [:]) {
        guard let warning = refusal.warning else { return }
        let network = NetworkAddress.network(of: address)
        warnings.happened(warning, [.address: "\(network)", .detail: "\(refusal.detail)"].merging(more) { $1 })
    }

    /// Addresses that are remembered.
    var addressCount: Int { state.withLock(\.addresses.count) }

    func leave(_ place: Place, now: NIODeadline = .now()) {
        state.withLock { state in
            state.sockets.remove(place)
            guard var address = state.addresses[place.network] else { return }
            address.sockets.remove(place)
            state.addresses[place.network] = address.isIdle(now) ? nil : address
        }
    }
}
