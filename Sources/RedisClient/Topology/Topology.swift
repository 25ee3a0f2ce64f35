/// Which servers are the masters, and which of them serves which slot. Pure.
struct Topology: Sendable, Equatable {
    private static let nobody = UInt16.max

    /// Each once.
    private(set) var masters: [RedisAddress]
    /// The place among the masters of the owner of each slot; empty where one master has all keys.
    private var owners: [UInt16]

    /// One master for all; nil while it is not known.
    init(master: RedisAddress?) {
        masters = master.map { [$0] } ?? []
        owners = []
    }

    /// What is known before anybody was asked.
    init(known servers: RedisEndpoint.Servers) {
        switch servers {
        case .single(let address): self.init(master: address)
        case .sentinels: self.init(master: nil)
        case .cluster: self.init(slots: [])
        }
    }

    /// A cluster.
    init(slots: [(range: ClosedRange<Int>, master: RedisAddress)]) {
        masters = []
        owners = Array(repeating: Self.nobody, count: HashSlot.count)
        for (range, master) in slots {
            let place = place(of: master)
            for slot in range.clamped(to: 0...HashSlot.count - 1) { owners[slot] = place }
        }
    }

    private mutating func place(of master: RedisAddress) -> UInt16 {
        if let known = masters.firstIndex(of: master) { return UInt16(known) }
        masters.append(master)
        return UInt16(masters.count - 1)
    }

    /// Whether one master has all keys.
    var isOne: Bool { owners.isEmpty }

    /// The place among the masters of the one that has the slot; nil if nobody is known to.
    func owner(of slot: Int) -> Int? {
        if owners.isEmpty { return masters.isEmpty ? nil : 0 }
        return owners[slot] == Self.nobody ? nil : Int(owners[slot])
    }

    /// A server told that another one has the slot now.
    mutating func moved(_ slot: Int, to master: RedisAddress) {
        guard !owners.isEmpty else { return }
        owners[slot] = place(of: master)
    }

    /// How many slots nobody serves.
    var slotsUnserved: Int { owners.count { $0 == Self.nobody } }
}
