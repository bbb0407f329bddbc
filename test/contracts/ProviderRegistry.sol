// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {FuncToken} from "FuncToken.sol";
import {Staking} from "Staking.sol";

/// Providers by id. Anyone registers for themselves; the deployer may act for everyone, so that tests need no keys.
/// Takes no stake until it is told of a staking contract.
contract ProviderRegistry {
    struct Provider {
        address owner; bytes id; uint256 modelId; uint256 registeredAt; string metadata; bool paused;
    }

    event ProviderRegistered(bytes id, uint256 indexed modelId, uint256 indexed epoch, string metadata);
    event ProviderStatusUpdated(bytes id, bool active);
    event ProviderPaused(bytes id);
    event ProviderUnpaused(bytes id);
    event ProviderMetadataUpdated(bytes id);
    event RewardClaimedForCluster(
        address indexed owner, uint256 indexed claimedEpoch, uint256 fromEpoch, uint256 toEpoch,
        bytes[] succeededIds, bytes[] failedIds
    );
    event LogError(bytes failedId, string message);

    error EnforcedPause();

    uint256 public constant rewardForEpoch = 1 ether;

    address public immutable admin = msg.sender;
    address public FUNC;
    Staking public staking;
    bool public paused;
    Provider[] private list;
    mapping(bytes32 => uint256) private positionPlusOne;
    mapping(address => bytes[]) private idsByOwner;
    mapping(bytes32 => uint256) private claimedUpTo;
    uint256 private liveReads;

    function setStaking(Staking to) external {
        require(msg.sender == admin, "not the admin");
        staking = to;
        FUNC = address(to.FUNC());
    }

    /// Of the whole contract.
    function pause() external { require(msg.sender == admin, "not the admin"); paused = true; }

    function unpause() external { require(msg.sender == admin, "not the admin"); paused = false; }

    function register(bytes calldata id, uint256 modelId, string calldata metadata) external {
        add(msg.sender, id, modelId, metadata);
    }

    function registerAndStake(bytes calldata id, uint256 modelId, string calldata metadata) external {
        add(msg.sender, id, modelId, metadata);
        if (FUNC == address(0)) return;
        uint256 amount = staking.modelStakeAmount(modelId);
        FuncToken(FUNC).transferFrom(msg.sender, address(this), amount);
        FuncToken(FUNC).approve(address(staking), amount);
        staking.stakeForProvider(id);
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

    /// Pays every staked provider of the caller, and says of the others why not.
    function claimRewardsCluster(uint256 fromEpoch, uint256 toEpoch)
        external
        returns (bytes[] memory succeeded, bytes[] memory failed)
    {
        require(toEpoch + staking.epochRewardDelay() <= staking.epochNumber(), "epoch not claimable yet");
        bytes[] memory ids = idsByOwner[msg.sender];
        uint256 paid = 0;
        bool[] memory isPaid = new bool[](ids.length);
        for (uint256 i = 0; i < ids.length; i++) isPaid[i] = claimFor(ids[i], fromEpoch, toEpoch);
        for (uint256 i = 0; i < ids.length; i++) if (isPaid[i]) paid++;
        succeeded = new bytes[](paid);
        failed = new bytes[](ids.length - paid);
        uint256 good = 0;
        for (uint256 i = 0; i < ids.length; i++) {
            if (isPaid[i]) succeeded[good++] = ids[i];
            else failed[i - good] = ids[i];
        }
        emit RewardClaimedForCluster(msg.sender, staking.epochNumber(), fromEpoch, toEpoch, succeeded, failed);
    }

    function claimFor(bytes memory id, uint256 fromEpoch, uint256 toEpoch) private returns (bool) {
        if (!staking.isStaked(id, list[positionPlusOne[keccak256(id)] - 1].modelId)) {
            emit LogError(id, "not staked");
            return false;
        }
        if (fromEpoch <= claimedUpTo[keccak256(id)]) {
            emit LogError(id, "claimed already");
            return false;
        }
        claimedUpTo[keccak256(id)] = toEpoch;
        FuncToken(FUNC).transfer(msg.sender, rewardForEpoch * (toEpoch - fromEpoch + 1));
        return true;
    }

    function unstakeCluster() external {}

    function active(bytes calldata id) external view returns (bool) {
        Provider memory provider = list[find(id)];
        if (provider.paused) return false;
        return FUNC == address(0) || staking.isStaked(id, provider.modelId);
    }

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
        if (paused) revert EnforcedPause();
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
        if (paused) revert EnforcedPause();
        at = find(id);
        require(msg.sender == list[at].owner || msg.sender == admin, "not the owner");
    }
}
