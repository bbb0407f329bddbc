// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Gateways by id. Anyone registers for themselves; the deployer may act for everyone, so that tests need no keys.
contract GatewayRegistry {
    struct Gateway { address owner; bytes id; uint256 registeredAt; string metadata; bool paused; }

    event GatewayRegistered(bytes id, uint256 indexed epoch, string metadata);
    event GatewayStatusUpdated(bytes id, bool active);
    event GatewayPaused(bytes id);
    event GatewayUnpaused(bytes id);
    event GatewayMetadataUpdated(bytes id);

    address public immutable admin = msg.sender;
    Gateway[] private list;
    mapping(bytes32 => uint256) private positionPlusOne;
    uint256 private liveReads;

    function register(bytes calldata id, string calldata metadata) external { add(msg.sender, id, metadata); }

    function registerAndStake(bytes calldata id, string calldata metadata, uint256) external {
        add(msg.sender, id, metadata);
    }

    function registerFor(address owner, bytes calldata id, string calldata metadata) external {
        require(msg.sender == admin, "not the admin");
        add(owner, id, metadata);
    }

    /// Gateways `first` … `first + count - 1`, with owners and 20-byte ids drawn from their numbers.
    function registerMany(uint256 first, uint256 count, string calldata metadata) external {
        require(msg.sender == admin, "not the admin");
        for (uint256 i = first; i < first + count; i++) {
            address owner = address(uint160(uint256(keccak256(abi.encode("owner", i)))));
            bytes20 id = bytes20(keccak256(abi.encode("id", i)));
            add(owner, abi.encodePacked(id), metadata);
        }
    }

    function unregister(bytes calldata id) external {
        uint256 at = mine(id);
        uint256 last = list.length - 1;
        if (at != last) {
            list[at] = list[last];
            positionPlusOne[keccak256(list[at].id)] = at + 1;
        }
        list.pop();
        delete positionPlusOne[keccak256(id)];
        emit GatewayStatusUpdated(id, false);
    }

    function pause(bytes calldata id) external { list[mine(id)].paused = true; emit GatewayPaused(id); }

    function unpause(bytes calldata id) external { list[mine(id)].paused = false; emit GatewayUnpaused(id); }

    function updateMetadata(bytes calldata id, string calldata metadata) external {
        list[mine(id)].metadata = metadata;
        emit GatewayMetadataUpdated(id);
    }

    function active(bytes calldata id) external view returns (bool) { return !list[find(id)].paused; }

    function getGateway(bytes calldata id) external view returns (Gateway memory) { return list[find(id)]; }

    function getGateways() external view returns (Gateway[] memory) { return list; }

    function getActiveGatewaysState() external view returns (Gateway[] memory) { return list; }

    /// Nonpayable like the network's own, and it does write: a caller that uses STATICCALL fails.
    function getActiveGatewaysLive() external returns (Gateway[] memory) {
        liveReads++;
        return list;
    }

    function add(address owner, bytes memory id, string calldata metadata) private {
        require(id.length > 0 && id.length <= 64, "id length");
        require(positionPlusOne[keccak256(id)] == 0, "id taken");
        list.push(Gateway(owner, id, block.timestamp, metadata, false));
        positionPlusOne[keccak256(id)] = list.length;
        emit GatewayRegistered(id, 0, metadata);
    }

    function find(bytes calldata id) private view returns (uint256) {
        uint256 at = positionPlusOne[keccak256(id)];
        require(at > 0, "unknown id");
        return at - 1;
    }

    function mine(bytes calldata id) private view returns (uint256 at) {
        at = find(id);
        require(msg.sender == list[at].owner || msg.sender == admin, "not the owner");
    }
}
