// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Providers by id. Anyone registers for themselves; the deployer may act for everyone, so that tests need no keys.
contract ProviderRegistry {
    struct Provider {
        address owner; bytes id; uint256 modelId; uint256 registeredAt; string metadata; bool paused;
    }

    event ProviderRegistered(bytes id, uint256 indexed modelId, uint256 indexed epoch, string metadata);
    event ProviderStatusUpdated(bytes id, bool active);
    event ProviderPaused(bytes id);
    event ProviderUnpaused(bytes id);
    event ProviderMetadataUpdated(bytes id);

    address public immutable admin = msg.sender;
    address public FUNC;
    Provider[] private list;
    mapping(bytes32 => uint256) private positionPlusOne;
    mapping(address => bytes[]) private idsByOwner;
    uint256 private liveReads;

    function register(bytes calldata id, uint256 modelId, string calldata metadata) external {
        add(msg.sender, id, modelId, metadata);
    }

    function registerAndStake(bytes calldata id, uint256 modelId, string calldata metadata) external {
        add(msg.sender, id, modelId, metadata);
    }

    function registerFor(address owner, bytes calldata id, uint256 modelId, string calldata metadata) external {
        require(msg.sender == admin, "not the admin");
        add(owner, id, modelId, metadata);
    }

    function pause(bytes calldata id) external { list[mine(id)].paused = true; emit ProviderPaused(id); }

    function unpause(bytes calldata id) external { list[mine(id)].paused = false; emit ProviderUnpaused(id); }

    function updateMetadata(bytes calldata id, string calldata metadata) external {
        list[mine(id)].metadata = metadata;
        emit ProviderMetadataUpdated(id);
    }

    function claimRewardsCluster(uint256 fromEpoch, uint256 toEpoch) external {}

    function unstakeCluster() external {}

    function active(bytes calldata id) external view returns (bool) { return !list[find(id)].paused; }

    function registered(bytes calldata id) external view returns (bool) {
        return positionPlusOne[keccak256(id)] != 0;
    }

    function getProvider(bytes calldata id) external view returns (Provider memory) { return list[find(id)]; }

    function getProviderIdsByOwner(address owner) external view returns (bytes[] memory) {
        return idsByOwner[owner];
    }

    /// Nonpayable like the network's own, and it does write: a caller that uses STATICCALL fails.
    function getActiveProvidersLive() external returns (Provider[] memory) {
        liveReads++;
        return list;
    }

    function add(address owner, bytes calldata id, uint256 modelId, string calldata metadata) private {
        require(id.length > 0 && id.length <= 64, "id length");
        require(positionPlusOne[keccak256(id)] == 0, "id taken");
        list.push(Provider(owner, id, modelId, block.timestamp, metadata, false));
        positionPlusOne[keccak256(id)] = list.length;
        idsByOwner[owner].push(id);
        emit ProviderRegistered(id, modelId, 0, metadata);
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
