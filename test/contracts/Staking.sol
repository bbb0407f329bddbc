// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {FuncToken} from "FuncToken.sol";
import {ProviderRegistry} from "ProviderRegistry.sol";

/// What models ask their providers to stake, the pool that takes it, and the epochs that rewards are counted in: what
/// the network has as three contracts. The deployer sets the numbers.
contract Staking {
    event ProviderStaked(bytes id, uint256 modelId, uint256 epoch, uint256 amount);

    address public immutable admin = msg.sender;
    FuncToken public immutable FUNC;
    ProviderRegistry public immutable registry;
    uint256 public epochNumber;
    uint256 public constant epochRewardDelay = 2;
    mapping(uint256 => uint256) private stakeOfModel;
    mapping(bytes32 => uint256) private staked;

    constructor(FuncToken token, ProviderRegistry providers) { FUNC = token; registry = providers; }

    function setModelStakeAmount(uint256 modelId, uint256 amount) external {
        onlyAdmin();
        stakeOfModel[modelId] = amount;
    }

    function setEpochNumber(uint256 to) external { onlyAdmin(); epochNumber = to; }

    function modelStakeAmount(uint256 modelId) external view returns (uint256) {
        require(stakeOfModel[modelId] > 0, "unknown model");
        return stakeOfModel[modelId];
    }

    function getProviderStakedAmount(bytes calldata id) external view returns (uint256) {
        return staked[keccak256(id)];
    }

    function isStaked(bytes calldata id, uint256 modelId) external view returns (bool) {
        return staked[keccak256(id)] >= stakeOfModel[modelId];
    }

    /// Takes the stake from whoever calls: the owner, or the registry that has taken it from the owner.
    function stakeForProvider(bytes calldata id) external {
        ProviderRegistry.Provider memory provider = registry.getProvider(id);
        require(msg.sender == provider.owner || msg.sender == address(registry), "not the owner");
        require(staked[keccak256(id)] == 0, "staked already");
        uint256 amount = stakeOfModel[provider.modelId];
        FUNC.transferFrom(msg.sender, address(this), amount);
        staked[keccak256(id)] = amount;
        emit ProviderStaked(id, provider.modelId, epochNumber, amount);
    }

    function onlyAdmin() private view { require(msg.sender == admin, "not the admin"); }
}
